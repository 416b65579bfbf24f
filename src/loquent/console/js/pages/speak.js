/**
 * The page that reads a text aloud.
 * @module
 */

import { request, respond } from "../api.js";
import { h, replace } from "../dom.js";
import { icon } from "../icons.js";
import { playsInPieces, playWhileItComes } from "../playing.js";
import {
  button, card, clock, emptyState, errorBanner, field, input, isCancelled, languageName,
  pageHeader, saveAs, select, size, textarea, toast,
} from "../widgets.js";

/** @typedef {import("../app.js").Context} Context */
/**
 * @typedef {{id: string, name: string, model: string, language: string, gender: string,
 *   sample_text: string}} Voice
 */

export const id = "speak";
export const title = "Speak";

const FORMATS = ["mp3", "wav", "opus", "aac", "flac", "pcm", "mulaw"];
const ENDINGS = /** @type {Record<string, string>} */ ({ opus: "ogg", mulaw: "wav" });
const FIRST_TEXT = "Good morning. This is what your own server sounds like, from the first word on.";

/** Kept while the tab lives. */
const kept = { text: FIRST_TEXT };

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export async function mount(root, context) {
  /** @type {{voices: Voice[]}} */
  const { voices } = await request("/v1/audio/voices", { signal: context.signal, unrecorded: true });
  root.append(pageHeader("Speak", "Write a text, choose a voice, and hear it while it is still being made."));
  if (voices.length === 0) {
    root.append(
      card({}, emptyState({
        icon: "speak",
        title: "No voice is installed yet",
        text: ["Fetch some with ", h("code", null, "loquent models pull kokoro"), ", or on the page Models."],
        action: h("a", { class: "button button-primary", href: "#/models" }, "Go to Models"),
      })),
    );
    return;
  }
  const list = voiceList(voices, context.signal);
  const desk = deskOf(list, context);
  root.append(
    h("div", { class: "split" }, desk.node, card({ title: "Voice", class: "voices" }, list.node)),
  );
  return () => {
    list.close();
    desk.close();
  };
}

/* ---------------------------------------------------------------- voices */

/**
 * Let a person choose a voice, and try it.
 * @param {Voice[]} all
 * @param {AbortSignal} signal
 */
function voiceList(all, signal) {
  const sorted = [...all].sort((a, b) => rank(a) - rank(b));
  const codes = [...new Set(sorted.map((voice) => base(voice.language)))];
  const named = codes.map((code) => ({ value: code, label: languageName(code) }));
  named.sort((a, b) => a.label.localeCompare(b.label));
  const mine = base(navigator.language);
  const language = select([{ value: "", label: "All languages" }, ...named], {
    value: codes.includes(mine) ? mine : codes.includes("en") ? "en" : "",
  });
  const wanted = input({ type: "search", placeholder: "Name or model", "aria-label": "Filter voices" });
  const place = h("div", { class: "voice-list", role: "radiogroup", "aria-label": "Voice" });
  const sampler = h("audio");
  /** @type {Map<string, string>} */
  const samples = new Map();
  let chosen = sorted[0];

  function draw() {
    const words = wanted.value.toLowerCase();
    const shown = sorted.filter(
      (voice) =>
        (!language.value || base(voice.language) === language.value) &&
        `${voice.id} ${voice.model} ${voice.language}`.toLowerCase().includes(words),
    );
    if (shown.length > 0 && !shown.includes(chosen)) chosen = shown[0];
    const groups = [...new Set(shown.map((voice) => voice.model))];
    replace(
      place,
      ...groups.flatMap((model) => [
        h("p", { class: "voice-model" }, model),
        ...shown.filter((voice) => voice.model === model).map(row),
      ]),
      shown.length === 0 && h("p", { class: "faint small voice-none" }, "No voice is like that."),
    );
  }
  /** @param {Voice} voice */
  function row(voice) {
    return h(
      "div",
      { class: "voice" },
      h(
        "label",
        { class: "voice-label" },
        h("input", {
          type: "radio",
          name: "voice",
          value: `${voice.model}/${voice.id}`,
          checked: voice === chosen,
          onchange: () => {
            chosen = voice;
          },
        }),
        h("span", { class: "voice-name clip" }, voice.id),
        h("span", { class: "faint small" }, [voice.language, voice.gender].filter((each) => each && each !== "neutral" && each !== "unknown").join(" · ")),
      ),
      button("", {
        icon: "play",
        kind: "quiet",
        small: true,
        "aria-label": `Hear ${voice.id}`,
        title: voice.sample_text || "There is no sample sentence in this language.",
        disabled: !voice.sample_text,
        onclick: (/** @type {Event} */ event) => hear(voice, /** @type {HTMLButtonElement} */ (event.currentTarget)),
      }),
    );
  }
  /**
   * @param {Voice} voice
   * @param {HTMLButtonElement} pressed
   */
  async function hear(voice, pressed) {
    pressed.disabled = true;
    pressed.classList.add("is-busy");
    try {
      const name = `${voice.model}/${voice.id}`;
      if (!samples.has(name)) samples.set(name, URL.createObjectURL(await sample(voice, signal)));
      sampler.src = samples.get(name) ?? "";
      await sampler.play();
    } catch (error) {
      if (!isCancelled(error)) toast(error instanceof Error ? error.message : "This voice could not be heard.", "bad");
    } finally {
      pressed.disabled = false;
      pressed.classList.remove("is-busy");
    }
  }
  language.addEventListener("change", draw);
  wanted.addEventListener("input", draw);
  draw();
  return {
    node: h("div", { class: "stack" }, field("Language", language), wanted, place),
    voice: () => chosen,
    silence: () => sampler.pause(),
    close() {
      sampler.pause();
      for (const url of samples.values()) URL.revokeObjectURL(url);
    },
  };
}

/**
 * @param {Voice} voice
 * @param {AbortSignal} signal
 */
async function sample(voice, signal) {
  const json = { model: voice.model, voice: voice.id, input: voice.sample_text };
  const response = await respond("/v1/audio/speech", { json, signal, unrecorded: true });
  return response.blob();
}

/**
 * Put the voices that sound best first.
 * @param {Voice} voice
 */
function rank(voice) {
  return voice.model === "espeak" ? 2 : voice.model.startsWith("kokoro") ? 0 : 1;
}

/** @param {string} language */
function base(language) {
  return language.toLowerCase().split("-")[0];
}

/* ------------------------------------------------------------------ desk */

/**
 * The text, how it is read, and the sound of it.
 * @param {ReturnType<typeof voiceList>} list
 * @param {Context} context
 */
function deskOf(list, context) {
  const text = textarea({ rows: 8, value: kept.text, class: "control speak-text", placeholder: "What should be said?" });
  const count = h("span", { class: "faint small tabular" });
  const speed = h("input", { type: "range", min: "0.5", max: "2", step: "0.05", value: "1" });
  const pace = h("output", { class: "tabular small" }, "1.00×");
  const format = select(FORMATS, { value: "mp3" });
  const speak = button("Speak", { kind: "primary", icon: "speak", class: "button-big", onclick: turn });
  const place = h("div", { class: "stack" });
  /** @type {AbortController | null} */
  let running = null;
  /** @type {HTMLAudioElement | null} */
  let playing = null;

  const tell = () => {
    kept.text = text.value;
    count.textContent = `${[...text.value].length} characters`;
    speak.disabled = !running && text.value.trim() === "";
  };
  text.addEventListener("input", tell);
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      if (!speak.disabled) turn();
    }
  });
  speed.addEventListener("input", () => {
    pace.textContent = `${Number(speed.value).toFixed(2)}×`;
  });
  tell();

  async function turn() {
    if (running) {
      running.abort();
      return;
    }
    running = new AbortController();
    replace(speak, icon("stop"), "Stop");
    list.silence();
    playing?.pause();
    const voice = list.voice();
    const json = {
      model: voice.model,
      voice: voice.id,
      input: text.value.trim(),
      response_format: format.value,
      ...(speed.value !== "1" && { speed: Number(speed.value) }),
    };
    const take = takeOf(voice, format.value);
    playing = take.audio;
    replace(place, take.node);
    try {
      await take.run(json, AbortSignal.any([running.signal, context.signal]));
    } catch (error) {
      take.audio.pause();
      if (isCancelled(error)) replace(place);
      else replace(place, errorBanner(error, button("Try again", { onclick: turn })));
    } finally {
      running = null;
      replace(speak, icon("speak"), "Speak");
      tell();
    }
  }
  const speedField = field("Speed", speed);
  speedField.querySelector("label")?.append(" ", pace);
  const node = h(
    "div",
    { class: "stack" },
    card(
      {},
      field("Text", text),
      h("div", { class: "row speak-settings" }, field("Format", format), speedField),
      h("div", { class: "row" }, speak, h("span", { class: "faint small key-hint" }, h("kbd", null, "Ctrl"), " ", h("kbd", null, "Enter")), h("span", { class: "grow" }), count),
    ),
    place,
  );
  return {
    node,
    close() {
      running?.abort();
      playing?.pause();
    },
  };
}

/**
 * One text, spoken once.
 * @param {Voice} voice
 * @param {string} format
 */
function takeOf(voice, format) {
  const audio = h("audio", { controls: true, class: "grow", "aria-label": "The speech" });
  const facts = h("dl", { class: "stats" });
  const keep = h("div", { class: "actions" });
  const node = card({ title: voice.id, aside: [voice.model, " · ", format] }, audio, facts, keep);
  const numbers = { firstS: 0, wholeS: 0, nBytes: 0 };

  function draw() {
    const length = Number.isFinite(audio.duration) ? audio.duration : 0;
    const shown = /** @type {[string, string][]} */ ([
      ["First sound after", numbers.firstS ? `${numbers.firstS.toFixed(2)} s` : "…"],
      ["Made in", numbers.wholeS ? `${numbers.wholeS.toFixed(2)} s` : "…"],
      ["Length", numbers.wholeS && length ? clock(length, { tenths: true }) : "…"],
      ["Size", size(numbers.nBytes)],
    ]);
    replace(facts, ...shown.map(([name, value]) => h("div", { class: "stat" }, h("dt", null, name), h("dd", null, value))));
  }
  draw();

  /**
   * @param {Record<string, unknown>} json
   * @param {AbortSignal} signal
   */
  async function run(json, signal) {
    const began = performance.now();
    const since = () => (performance.now() - began) / 1000;
    audio.addEventListener("playing", () => {
      numbers.firstS ||= since();
      draw();
    }, { once: true });
    audio.addEventListener("durationchange", draw);
    const response = await respond("/v1/audio/speech", { json, signal });
    const whole = await playWhileItComes(response, format, audio, (nBytes) => {
      numbers.nBytes = nBytes;
      draw();
    });
    numbers.wholeS = since();
    draw();
    const name = `${voice.id}.${ENDINGS[format] ?? format}`;
    replace(
      keep,
      button(`Download ${name}`, { icon: "download", onclick: () => saveAs(name, whole, whole.type) }),
      !playsInPieces(format) && h("span", { class: "faint small" }, "This format is heard once it is whole; mp3 begins at once."),
    );
  }
  return { node, audio, run };
}
