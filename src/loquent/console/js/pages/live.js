/**
 * The page that writes down what is said into a microphone.
 * @module
 */

import { modelOptions, modelsFor, languageOptions } from "../catalog.js";
import { h, replace } from "../dom.js";
import { icon } from "../icons.js";
import { LiveSession } from "../live-session.js";
import { levelOf } from "../recorder.js";
import {
  button, card, checkbox, clock, copyButton, emptyState, errorBanner, field, pageHeader, saveAs,
  select, setOptions,
} from "../widgets.js";

/** @typedef {import("../app.js").Context} Context */
/** @typedef {import("../live-session.js").Heard} Heard */

export const id = "live";
export const title = "Live";

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export async function mount(root, context) {
  const models = await modelsFor("realtime", context.signal);
  root.append(
    pageHeader("Live", "Speak, and read along. Grey words are guesses that may still change; all others stay."),
  );
  if (models.length === 0) {
    root.append(
      card({}, emptyState({
        icon: "mic",
        title: "No model here can follow speech yet",
        text: ["Fetch one with ", h("code", null, "loquent models pull whisper-base"), ", or on the page Models."],
        action: h("a", { class: "button button-primary", href: "#/models" }, "Go to Models"),
      })),
    );
    return;
  }
  const settings = settingsOf(models);
  const board = boardOf();
  const control = controlOf(settings, board, context);
  root.append(
    h(
      "div",
      { class: "split" },
      h("div", { class: "stack" }, card({ class: "live" }, control.node, board.node), board.after),
      card({ title: "Settings" }, settings.node),
    ),
  );
  return control.close;
}

/** @param {import("../catalog.js").Model[]} models */
function settingsOf(models) {
  const model = select(modelOptions(models));
  const language = select([{ value: "", label: "Detect" }]);
  const diarise = checkbox("Tell speakers apart");
  const device = select([{ value: "", label: "The usual one" }]);
  const adapt = () => {
    const chosen = models.find((each) => each.id === model.value);
    setOptions(language, languageOptions(chosen?.languages ?? []));
  };
  model.addEventListener("change", adapt);
  adapt();
  async function listDevices() {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const named = all.filter((each) => each.kind === "audioinput" && each.label && each.deviceId !== "default");
    setOptions(device, [
      { value: "", label: "The usual one" },
      ...named.map((each) => ({ value: each.deviceId, label: each.label })),
    ]);
  }
  listDevices();
  const node = h(
    "div",
    { class: "stack" },
    field("Model", model),
    field("Language", language, { hint: "Naming it gives the first words sooner." }),
    field("Microphone", device),
    diarise,
  );
  return {
    node,
    listDevices,
    enable: (/** @type {boolean} */ isEnabled) => {
      for (const each of node.querySelectorAll("select,input")) {
        /** @type {HTMLInputElement} */ (each).disabled = !isEnabled;
      }
    },
    values: () => ({
      model: model.value,
      language: language.value,
      diarise: /** @type {HTMLInputElement} */ (diarise.querySelector("input")).checked,
      deviceId: device.value,
    }),
  };
}

/** What was heard, and what can be done with it. */
function boardOf() {
  const finals = h("ol", { class: "finals" });
  const partial = h("p", { class: "partial", dir: "auto" });
  const log = h(
    "div",
    { class: "live-log", role: "log", "aria-live": "polite", "aria-relevant": "additions", "aria-label": "What is said", tabindex: "0" },
    finals,
    partial,
  );
  const empty = emptyState({
    icon: "mic",
    title: "Ready when you are",
    text: "Press Start, allow the microphone, and speak. Words appear while you do.",
  });
  const node = h("div", { class: "live-board" }, empty);
  const after = h("div", { class: "stack", hidden: true });
  /** @type {Heard[]} */
  let told = [];
  /** @type {string[]} */
  let speakers = [];
  const text = () =>
    `${told.map((each) => (each.speaker ? `${each.speaker}: ${each.text}` : each.text)).join("\n")}\n`;

  /** @param {Heard} heard */
  function show(heard) {
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    if (heard.kind === "partial") partial.textContent = heard.text;
    else {
      partial.textContent = "";
      if (heard.text) add(heard);
    }
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  }
  /** @param {Heard} heard */
  function add(heard) {
    told.push(heard);
    if (heard.speaker && !speakers.includes(heard.speaker)) speakers.push(heard.speaker);
    const colour = heard.speaker ? `who-${speakers.indexOf(heard.speaker) % 8}` : "";
    finals.append(
      h(
        "li",
        { class: `final ${colour}`.trim() },
        h("div", { class: "paragraph-head" }, heard.speaker && h("span", { class: "who" }, `Speaker ${heard.speaker}`), h("span", { class: "faint small tabular" }, clock(heard.start))),
        h("p", { dir: "auto" }, heard.text),
        h("span", { class: "late tabular", title: "Seconds from the last word to this text, silence included" }, `${heard.lateS.toFixed(1)} s`),
      ),
    );
  }
  return {
    node,
    after,
    show,
    isEmpty: () => told.length === 0,
    begin() {
      told = [];
      speakers = [];
      replace(finals);
      partial.textContent = "";
      replace(node, log);
      after.hidden = true;
    },
    /** @param {Error | null} error */
    finish(error) {
      partial.textContent = "";
      if (told.length === 0 && !error) {
        replace(node, emptyState({ icon: "mic", title: "Nothing was heard", text: "Watch the meter while you speak: if it stays still, choose another microphone." }));
      } else if (told.length === 0) replace(node, empty);
      replace(
        after,
        error && errorBanner(error),
        told.length > 0 &&
          card(
            { title: "Keep it", aside: copyButton(text, { label: "Copy the text" }) },
            h(
              "div",
              { class: "actions" },
              button("txt", { icon: "download", onclick: () => saveAs("live.txt", text(), "text/plain") }),
              button("json", { icon: "download", onclick: () => saveAs("live.json", JSON.stringify(told, null, 2), "application/json") }),
            ),
          ),
      );
      after.hidden = false;
    },
  };
}

/**
 * Start, stop, and how it goes.
 * @param {ReturnType<typeof settingsOf>} settings
 * @param {ReturnType<typeof boardOf>} board
 * @param {Context} context
 */
function controlOf(settings, board, context) {
  const press = button("Start", { kind: "primary", icon: "mic", class: "button-big", onclick: turn });
  const state = h("span", { class: "live-state", role: "status" }, "Not listening");
  const time = h("span", { class: "tabular faint" });
  const late = h("span", { class: "tabular faint", title: "Seconds from a last word to its final text, silence included" });
  const fill = h("div", { class: "level-fill" });
  const level = h("div", { class: "level grow", role: "meter", "aria-label": "Loudness", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": "0" }, fill);
  /** @type {LiveSession | null} */
  let session = null;
  /** @type {number[]} */
  let lates = [];
  let timer = 0;

  function turn() {
    if (!session) start();
    else {
      session.stop();
      press.disabled = true;
      state.textContent = "Writing the last words";
    }
  }
  async function start() {
    lates = [];
    late.textContent = "";
    board.begin();
    settings.enable(false);
    replace(press, icon("stop"), "Stop");
    state.textContent = "Opening the microphone";
    const began = Date.now();
    const mine = new LiveSession({
      ...settings.values(),
      onHeard(heard) {
        if (heard.kind === "final" && heard.text && mine.isStopping === false) measure(heard.lateS);
        board.show(heard);
      },
      onLevel(rms) {
        const loud = levelOf(rms);
        fill.style.setProperty("--level", loud.toFixed(3));
        level.setAttribute("aria-valuenow", String(Math.round(loud * 100)));
      },
      onLate(isLate) {
        node.classList.toggle("is-late", isLate);
      },
      onEnd: over,
    });
    session = mine;
    timer = window.setInterval(() => {
      time.textContent = clock((Date.now() - began) / 1000);
    }, 250);
    try {
      await mine.start();
      if (session !== mine) return;
      state.textContent = "Listening";
      node.classList.add("is-on");
      settings.listDevices();
    } catch (error) {
      if (session !== mine) return;
      mine.close();
      over(error instanceof Error ? error : new Error(String(error)));
    }
  }
  /** @param {number} seconds */
  function measure(seconds) {
    lates.push(seconds);
    const middle = [...lates].sort((a, b) => a - b)[lates.length >> 1];
    late.textContent = `final text after ${middle.toFixed(1)} s`;
  }
  /** @param {Error | null} error */
  function over(error) {
    clearInterval(timer);
    session = null;
    press.disabled = false;
    fill.style.setProperty("--level", "0");
    node.classList.remove("is-on", "is-late");
    settings.enable(true);
    replace(press, icon("mic"), board.isEmpty() ? "Start" : "Start anew");
    state.textContent = "Not listening";
    board.finish(error);
    if (/** @type {any} */ (error)?.status === 401) context.askForKey();
  }
  const node = h(
    "div",
    { class: "live-bar" },
    press,
    h("span", { class: "rec-dot", "aria-hidden": "true" }),
    state,
    time,
    level,
    late,
  );
  return {
    node,
    close() {
      clearInterval(timer);
      session?.close();
      session = null;
    },
  };
}
