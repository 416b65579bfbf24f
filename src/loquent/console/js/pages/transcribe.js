/**
 * The page that turns recordings into text.
 * @module
 */

import { ApiError, request, upload } from "../api.js";
import { paragraphs, plainText } from "../aligned.js";
import { languageOptions, modelOptions, modelsFor } from "../catalog.js";
import { h, replace } from "../dom.js";
import { icon } from "../icons.js";
import { openMicrophone, record, watchLevel } from "../recorder.js";
import { transcriptView } from "../transcript.js";
import {
  badge, button, card, checkbox, clock, copyButton, disclosure, emptyState, errorBanner, field,
  input, isCancelled, pageHeader, progress, saveAs, select, setOptions, size, spinner, textarea, toast,
} from "../widgets.js";

/** @typedef {import("../app.js").Context} Context */
/** @typedef {import("../catalog.js").Model} Model */
/** @typedef {import("../aligned.js").Answer} Answer */

export const id = "transcribe";
export const title = "Transcribe";

/** Kept while the tab lives, so that another page and back loses nothing. */
/** @type {{file: File | null}} */
const kept = { file: null };

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export async function mount(root, context) {
  const models = await modelsFor("transcription", context.signal);
  root.append(
    pageHeader("Transcribe", "Turn a recording into text, with the time of every word and who says it."),
  );
  if (models.length === 0) {
    root.append(card({}, noModels()));
    return;
  }
  const settings = settingsOf(models);
  const source = sourceOf(context.signal);
  const result = h("div", { class: "result stack" });
  const start = button("Transcribe", { kind: "primary", class: "button-big", icon: "wave" });
  /** @type {AbortController | null} */
  let running = null;
  let shown = new AbortController();

  async function run() {
    if (running) {
      running.abort();
      return;
    }
    const file = source.file();
    if (!file) {
      source.complain();
      return;
    }
    running = new AbortController();
    shown.abort();
    shown = new AbortController();
    replace(start, icon("stop"), "Stop");
    const signal = AbortSignal.any([running.signal, context.signal]);
    try {
      const work = new Work(file, settings.values(), result);
      const answer = await work.run(signal);
      showResult(result, file, answer, AbortSignal.any([shown.signal, context.signal]));
    } catch (error) {
      if (isCancelled(error)) replace(result);
      else replace(result, errorBanner(error, button("Try again", { onclick: run })));
    } finally {
      running = null;
      replace(start, icon("wave"), "Transcribe");
    }
  }
  start.addEventListener("click", run);
  source.onChange(() => {
    start.disabled = source.file() === null;
    if (!running) {
      shown.abort();
      replace(result);
    }
  });
  start.disabled = source.file() === null;
  root.append(
    h(
      "div",
      { class: "split" },
      h("div", { class: "stack" }, source.node, result),
      h("div", { class: "stack" }, card({ title: "Settings" }, settings.node, start)),
    ),
  );
  return () => {
    shown.abort();
    running?.abort();
  };
}

function noModels() {
  return emptyState({
    icon: "models",
    title: "No model here can transcribe yet",
    text: ["Fetch one with ", h("code", null, "loquent models pull --defaults"), ", or on the page Models. It takes a minute, once."],
    action: h("a", { class: "button button-primary", href: "#/models" }, "Go to Models"),
  });
}

/* --------------------------------------------------------------- source */

/**
 * Let a person give a recording: dropped, chosen, or made here.
 * @param {AbortSignal} signal
 */
function sourceOf(signal) {
  const changes = new EventTarget();
  const chooser = h("input", {
    type: "file",
    class: "unseen",
    accept: "audio/*,video/*,.amr,.au,.caf,.w64,.mkv,.ts,.opus",
    tabindex: "-1",
    "aria-label": "Recording",
    onchange: () => chooser.files?.[0] && give(chooser.files[0]),
  });
  const node = h("section", { class: "source", "aria-label": "Recording" });
  node.addEventListener("dragover", (event) => {
    event.preventDefault();
    node.classList.add("is-over");
  });
  node.addEventListener("dragleave", () => node.classList.remove("is-over"));
  node.addEventListener("drop", (event) => {
    event.preventDefault();
    node.classList.remove("is-over");
    const file = event.dataTransfer?.files[0];
    if (file) give(file);
  });

  /** @param {File | null} file */
  function give(file) {
    kept.file = file;
    draw();
    changes.dispatchEvent(new Event("change"));
  }
  function draw(/** @type {Node | null} */ trouble = null) {
    node.classList.toggle("has-file", kept.file !== null);
    if (kept.file) replace(node, chooser, fileLine(kept.file, () => give(null)));
    else replace(node, chooser, invitation(), trouble);
  }
  function invitation() {
    return h(
      "div",
      { class: "source-empty" },
      h("span", { class: "empty-icon" }, icon("upload")),
      h("h2", null, "Drop a recording here"),
      h("p", { class: "faint" }, "Sound or video: mp3, wav, m4a, ogg, flac, webm, mp4 and more."),
      h(
        "div",
        { class: "actions" },
        button("Choose a file", { icon: "file", onclick: () => chooser.click() }),
        button("Record", { icon: "mic", onclick: startRecording }),
      ),
    );
  }
  async function startRecording() {
    try {
      const sound = await openMicrophone();
      drawRecording(sound);
    } catch (error) {
      draw(errorBanner(error));
    }
  }
  /** @param {MediaStream} sound */
  function drawRecording(sound) {
    const over = new AbortController();
    const until = AbortSignal.any([over.signal, signal]);
    const recording = record(sound);
    const began = Date.now();
    const time = h("span", { class: "tabular strong" }, "0:00");
    const level = h("div", { class: "level-fill" });
    watchLevel(sound, (loud) => level.style.setProperty("--level", String(loud)), until);
    const timer = setInterval(() => {
      time.textContent = clock((Date.now() - began) / 1000);
    }, 250);
    until.addEventListener("abort", () => clearInterval(timer));
    signal.addEventListener("abort", () => sound.getTracks().forEach((track) => track.stop()));
    const stop = button("Stop", {
      icon: "stop",
      kind: "primary",
      onclick: async () => {
        over.abort();
        give(await recording.stop());
      },
    });
    const cancel = button("Discard", {
      kind: "quiet",
      onclick: async () => {
        over.abort();
        await recording.stop();
        draw();
      },
    });
    replace(
      node,
      h(
        "div",
        { class: "source-recording" },
        h("span", { class: "rec-dot", "aria-hidden": "true" }),
        h("span", { role: "status" }, "Recording"),
        time,
        h("div", { class: "level grow", "aria-hidden": "true" }, level),
        stop,
        cancel,
      ),
    );
    stop.focus();
  }
  draw();
  return {
    node,
    file: () => kept.file,
    complain: () => toast("Choose a recording first.", "bad"),
    onChange: (/** @type {() => void} */ listener) => changes.addEventListener("change", listener),
  };
}

/**
 * @param {File} file
 * @param {() => void} forget
 */
function fileLine(file, forget) {
  return h(
    "div",
    { class: "file-line" },
    h("span", { class: "file-icon" }, icon("wave")),
    h("div", { class: "grow" }, h("p", { class: "strong clip", title: file.name }, file.name), h("p", { class: "faint small" }, size(file.size))),
    button("", { icon: "cross", kind: "quiet", small: true, "aria-label": "Take another recording", onclick: forget }),
  );
}

/* ------------------------------------------------------------- settings */

/**
 * @typedef {object} Wish
 * @property {boolean} isTranslation
 * @property {boolean} diarise
 * @property {[string, string][]} fields Of the form.
 */

/** @param {Model[]} models */
function settingsOf(models) {
  const model = select(modelOptions(models), { name: "model" });
  const task = select([
    { value: "transcribe", label: "Write what is said" },
    { value: "translate", label: "Translate into English" },
  ]);
  const language = select([{ value: "", label: "Detect" }]);
  const diarise = checkbox("Tell speakers apart");
  const number = input({ type: "number", min: "1", max: "50", placeholder: "find out", inputmode: "numeric" });
  const numberField = field("How many speakers", number);
  const prompt = textarea({ rows: 2, placeholder: "Minutes of the board meeting." });
  const hotwords = input({ placeholder: "Loquent, Ektos, Kerstin" });
  const temperature = input({ type: "number", min: "0", max: "1", step: "0.1", placeholder: "0" });
  const preference = select([
    { value: "", label: "Balanced" },
    { value: "speed", label: "Speed" },
    { value: "cost", label: "Cost" },
  ]);
  const providers = input({ placeholder: "all" });
  const eu = checkbox("Only providers based in the EU");
  const tick = (/** @type {HTMLElement} */ each) =>
    /** @type {HTMLInputElement} */ (each.querySelector("input"));

  function adapt() {
    const chosen = models.find((each) => each.id === model.value);
    setOptions(language, languageOptions(chosen?.languages ?? []));
    const canTranslate = chosen?.capabilities.includes("translation") ?? false;
    task.options[1].disabled = !canTranslate;
    if (!canTranslate) task.value = "transcribe";
    language.disabled = task.value === "translate";
    numberField.hidden = !tick(diarise).checked;
  }
  for (const each of [model, task, diarise]) each.addEventListener("change", adapt);
  adapt();

  const node = h(
    "div",
    { class: "stack" },
    field("Model", model),
    field("Task", task),
    field("Language", language),
    h("div", { class: "stack-tight" }, diarise, numberField),
    disclosure(
      "More options",
      field("Prompt", prompt, { hint: "Guides spelling and style." }),
      field("Names and terms", hotwords, { hint: "Words to expect, with commas." }),
      field("Temperature", temperature, { hint: "0 takes the likeliest words, 1 is the freest." }),
      field("Prefer", preference),
      field("Providers", providers, { hint: ["Ids with commas; ", h("code", null, "local"), " is this server."] }),
      eu,
    ),
  );

  /** @returns {Wish} */
  function values() {
    const isTranslation = task.value === "translate";
    const isDiarised = tick(diarise).checked;
    /** @type {[string, string][]} */
    const fields = [
      ["model", model.value],
      ["language", isTranslation ? "" : language.value],
      ["prompt", prompt.value.trim()],
      ["hotwords", hotwords.value.trim()],
      ["temperature", temperature.value],
      ["diarise", isDiarised ? "true" : ""],
      ["num_speakers", isDiarised ? number.value : ""],
      ["preference", preference.value],
      ["eu_native", tick(eu).checked ? "true" : ""],
      ...providers.value.split(",").map((each) => /** @type {[string, string]} */ (["allowed_providers[]", each.trim()])),
    ];
    return { isTranslation, diarise: isDiarised, fields: fields.filter(([, value]) => value !== "") };
  }
  return { node, values };
}

/* ----------------------------------------------------------------- work */

/** One recording on its way through the server. */
class Work {
  /**
   * @param {File} file
   * @param {Wish} wish
   * @param {HTMLElement} place Shows how far it is.
   */
  constructor(file, wish, place) {
    this.file = file;
    this.wish = wish;
    this.bar = progress("Progress of the transcription");
    this.state = h("span", { role: "status" }, "Sending the recording");
    this.time = h("span", { class: "tabular faint" });
    this.text = h("p", { class: "streamed", "aria-live": "polite", dir: "auto" });
    replace(
      place,
      card(
        {},
        h("div", { class: "row" }, h("span", { class: "strong grow" }, this.state), this.time),
        this.bar.node,
        this.text,
      ),
    );
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<Answer>}
   */
  async run(signal) {
    const began = Date.now();
    const timer = setInterval(() => {
      this.time.textContent = clock((Date.now() - began) / 1000);
    }, 200);
    try {
      return this.wish.isTranslation ? await this.translate(signal) : await this.transcribe(signal);
    } finally {
      clearInterval(timer);
    }
  }

  /** @param {AbortSignal} signal */
  async transcribe(signal) {
    const form = formOf(this.file, this.wish, [
      ["stream", "true"],
      ["timestamp_granularities[]", "word"],
      ["timestamp_granularities[]", "segment"],
    ]);
    const reader = new EventText();
    /** @type {Answer | null} */
    let answer = null;
    const take = (/** @type {string} */ soFar) => {
      for (const event of reader.events(soFar)) {
        if (event.error) throw new ApiError(event.error.message, { code: event.error.code, status: 200 });
        if (event.type === "transcript.text.delta") this.show(event.delta);
        if (event.type === "transcript.text.done") answer = event;
      }
    };
    /** @type {unknown} */
    let failure = null;
    const told = await upload("/v1/audio/transcriptions", form, {
      signal,
      onProgress: (share) => this.sent(share),
      onText: (soFar) => {
        try {
          take(soFar);
        } catch (error) {
          failure = error;
        }
      },
    });
    if (failure) throw failure;
    take(told.text);
    if (!answer) throw new ApiError("The answer broke off. The server's log may say why.", { code: "incomplete" });
    return answer;
  }

  /** @param {AbortSignal} signal */
  async translate(signal) {
    const form = formOf(this.file, this.wish, [["response_format", "verbose_json"]]);
    const told = await upload("/v1/audio/translations", form, {
      signal,
      onProgress: (share) => this.sent(share),
    });
    return JSON.parse(told.text);
  }

  /** @param {number} share */
  sent(share) {
    if (share < 1) {
      this.bar.set(share);
      return;
    }
    this.bar.set(null);
    this.state.textContent = this.wish.diarise ? "Listening, and telling voices apart" : "Listening";
  }

  /** @param {string} delta */
  show(delta) {
    this.text.append(delta);
    this.text.scrollTop = this.text.scrollHeight;
  }
}

/** Reads server-sent events out of a text that grows. */
class EventText {
  constructor() {
    this.at = 0;
  }

  /**
   * Yield the events that are whole by now, each once.
   * @param {string} soFar
   * @returns {Generator<any>}
   */
  *events(soFar) {
    for (;;) {
      const end = soFar.indexOf("\n\n", this.at);
      if (end < 0) return;
      const line = soFar.slice(this.at, end);
      this.at = end + 2;
      if (line.startsWith("data: {")) yield JSON.parse(line.slice(6));
    }
  }
}

/**
 * @param {File} file
 * @param {Wish} wish
 * @param {[string, string][]} more
 */
function formOf(file, wish, more) {
  const form = new FormData();
  for (const [name, value] of [...wish.fields, ...more]) form.append(name, value);
  form.append("file", file, file.name);
  return form;
}

/* --------------------------------------------------------------- result */

/**
 * @param {HTMLElement} place
 * @param {File} file
 * @param {Answer} answer
 * @param {AbortSignal} signal
 */
function showResult(place, file, answer, signal) {
  const all = paragraphs(answer);
  if (all.length === 0) {
    replace(
      place,
      card({}, emptyState({
        icon: "wave",
        title: "Nobody speaks in this recording",
        text: "No speech was found. If there is some, try another model, or a louder recording.",
      })),
    );
    return;
  }
  const view = transcriptView(file, all, signal);
  const text = () => plainText(all, view.names.label);
  const nWords = answer.words?.length ?? answer.text.split(/\s+/).length;
  replace(
    place,
    card(
      { title: "Transcript", aside: [badge(`${nWords} words`), copyButton(text)] },
      view.node,
    ),
    downloads({ file, answer, text, names: view.names.chosen, signal }),
  );
}

/**
 * Let a person save what was said. Subtitles are cut from the answer that is there.
 * @param {{file: File, answer: Answer, text: () => string, names: Map<string, string>,
 *   signal: AbortSignal}} made
 */
function downloads(made) {
  const stem = made.file.name.replace(/\.[^.]+$/, "") || "transcript";
  const width = input({ name: "max_line_width", type: "number", min: "1", max: "200", placeholder: "42" });
  const lines = input({ name: "max_line_count", type: "number", min: "1", max: "5", placeholder: "2" });
  const pace = input({ name: "max_cps", type: "number", min: "1", max: "100", placeholder: "no limit" });
  const state = h("div", { role: "status" });

  /** @param {"srt" | "vtt"} format */
  async function subtitles(format) {
    const limits = [width, lines, pace].filter((each) => each.value).map((each) => [each.name, Number(each.value)]);
    const json = { transcript: named(made.answer, made.names), response_format: format, ...Object.fromEntries(limits) };
    replace(state, spinner(`Writing ${format}`));
    try {
      const told = await request("/v1/subtitles", { json, signal: made.signal, unrecorded: true });
      saveAs(`${stem}.${format}`, told, format === "vtt" ? "text/vtt" : "application/x-subrip");
      replace(state);
    } catch (error) {
      if (!isCancelled(error)) replace(state, errorBanner(error));
    }
  }
  const asJson = () => JSON.stringify({ ...made.answer, speaker_names: made.names.size ? Object.fromEntries(made.names) : undefined }, null, 2);
  return card(
    { title: "Download" },
    h(
      "div",
      { class: "actions" },
      button("txt", { icon: "download", onclick: () => saveAs(`${stem}.txt`, made.text(), "text/plain") }),
      button("srt", { icon: "download", onclick: () => subtitles("srt") }),
      button("vtt", { icon: "download", onclick: () => subtitles("vtt") }),
      button("json", { icon: "download", onclick: () => saveAs(`${stem}.json`, asJson(), "application/json") }),
    ),
    disclosure(
      "How subtitles are cut",
      h(
        "div",
        { class: "grid" },
        field("Characters in a line", width),
        field("Lines", lines),
        field("Characters per second", pace, { hint: "17 suits most readers." }),
      ),
      h("p", { class: "faint small" }, "From the text above, with the names you gave; the recording is not heard again."),
    ),
    state,
  );
}

/**
 * Return what subtitles are made of, with names in the place of speakers' letters.
 * @param {Answer} answer
 * @param {Map<string, string>} names By letter.
 */
function named(answer, names) {
  const spoken = (/** @type {import("../aligned.js").Segment} */ { text, start, end, speaker }) => ({
    text, start, end, speaker: speaker && (names.get(speaker) ?? speaker),
  });
  const words = answer.words?.map(({ word, start, end }) => ({ word, start, end }));
  const language = answer.languages?.[0]?.code ?? answer.language;
  return { language, segments: answer.segments?.map(spoken), words };
}
