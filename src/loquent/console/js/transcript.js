/**
 * Shows a transcript beside its recording: a wave, words that light up, speakers with names.
 * @module
 */

import { indexAt } from "./aligned.js";
import { h, replace } from "./dom.js";
import { icon } from "./icons.js";
import { loadWaveSurfer } from "./vendor.js";
import { button, clock, freshLabel } from "./widgets.js";

/** @typedef {import("./aligned.js").Atom} Atom */
/** @typedef {import("./aligned.js").Paragraph} Paragraph */

/** The policy of the page knows the stylesheet of the wave by its hash, which this is part of. */
const WAVE_HEIGHT = 88;

/** Longer ones would take too much memory to draw. */
const LONGEST_WAVE_S = 3600;

const N_COLOURS = 8;
const PEAK_RATE = 8000;

/**
 * Show a recording and what is said in it.
 * @param {File} file
 * @param {Paragraph[]} all
 * @param {AbortSignal} signal Ends it.
 */
export function transcriptView(file, all, signal) {
  const names = speakerNames(all);
  const player = playerOf(file, signal);
  const text = textOf(all, names, player, signal);
  const legend = names.speakers.length > 0 ? legendOf(names) : null;
  const node = h("div", { class: "transcript-view" }, player.node, legend, text);
  return { node, names };
}

/* ------------------------------------------------------------- speakers */

/**
 * Keep what speakers are called.
 * @param {Paragraph[]} all
 */
function speakerNames(all) {
  const speakers = [...new Set(all.map((each) => each.speaker).filter(Boolean))];
  /** @type {Map<string, string>} */
  const chosen = new Map();
  const changes = new EventTarget();
  return {
    speakers,
    chosen,
    changes,
    of: (/** @type {string} */ speaker) => chosen.get(speaker) ?? speaker,
    label: (/** @type {string} */ speaker) =>
      chosen.get(speaker) ?? (/^[A-Z]{1,2}$/.test(speaker) ? `Speaker ${speaker}` : speaker),
    colour: (/** @type {string} */ speaker) => `who-${speakers.indexOf(speaker) % N_COLOURS}`,
    rename(/** @type {string} */ speaker, /** @type {string} */ name) {
      const tidy = name.replace(/\s+/g, " ").trim().slice(0, 64);
      if (tidy && tidy !== speaker) chosen.set(speaker, tidy);
      else chosen.delete(speaker);
      changes.dispatchEvent(new Event("change"));
    },
  };
}

/** @param {ReturnType<typeof speakerNames>} names */
function legendOf(names) {
  return h(
    "div",
    { class: "legend", role: "group", "aria-label": "Names of the speakers" },
    names.speakers.map((speaker) =>
      h(
        "label",
        { class: `legend-item ${names.colour(speaker)}` },
        h("span", { class: "dot" }),
        h("span", { class: "unseen" }, `Name of speaker ${speaker}`),
        h("input", {
          type: "text",
          value: names.label(speaker),
          maxlength: "64",
          size: "12",
          autocomplete: "off",
          spellcheck: "false",
          onfocus: (/** @type {Event} */ event) =>
            /** @type {HTMLInputElement} */ (event.target).select(),
          onchange: (/** @type {Event} */ event) => {
            const box = /** @type {HTMLInputElement} */ (event.target);
            names.rename(speaker, box.value === `Speaker ${speaker}` ? "" : box.value);
            box.value = names.label(speaker);
          },
          onkeydown: (/** @type {KeyboardEvent} */ event) => {
            if (event.key === "Enter") /** @type {HTMLInputElement} */ (event.target).blur();
          },
        }),
      ),
    ),
    h("span", { class: "faint small" }, "Click a name to change it."),
  );
}

/* --------------------------------------------------------------- player */

/**
 * @typedef {object} Player
 * @property {HTMLElement} node
 * @property {HTMLAudioElement} audio
 * @property {() => void} toggle
 * @property {(seconds: number) => void} seek
 */

/**
 * Play a file, under its wave where it can be drawn.
 * @param {File} file
 * @param {AbortSignal} signal
 * @returns {Player}
 */
export function playerOf(file, signal) {
  const url = URL.createObjectURL(file);
  const audio = h("audio", { src: url, preload: "metadata" });
  const time = h("span", { class: "tabular player-time" }, "0:00");
  const rate = h(
    "select",
    {
      class: "control player-rate",
      "aria-label": "Speed",
      onchange: () => {
        audio.playbackRate = Number(rate.value);
      },
    },
    ["0.75", "1", "1.25", "1.5", "2"].map((each) => h("option", { value: each }, `${each}×`)),
  );
  rate.value = "1";
  const play = button("", { icon: "play", kind: "primary", "aria-label": "Play", onclick: toggle });
  const wave = h("div", { class: "wave", "aria-hidden": "true" });
  const node = h("div", { class: "player" }, play, wave, h("div", { class: "player-side" }, time, rate), audio);
  let durationS = 0;

  function toggle() {
    if (audio.paused) audio.play().catch(() => undefined);
    else audio.pause();
  }
  function tell() {
    const whole = Number.isFinite(audio.duration) ? audio.duration : durationS;
    time.textContent = `${clock(audio.currentTime)} / ${clock(whole || 0)}`;
  }
  function draw() {
    replace(play, icon(audio.paused ? "play" : "pause"));
    play.setAttribute("aria-label", audio.paused ? "Play" : "Pause");
  }
  for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, draw);
  for (const name of ["timeupdate", "loadedmetadata", "seeked"]) audio.addEventListener(name, tell);
  audio.addEventListener("error", () => {
    play.disabled = true;
    replace(wave, h("p", { class: "faint small" }, "This browser cannot play this format. The transcript is complete all the same."));
  });
  drawWave(wave, file, audio, signal).then((lengthS) => {
    durationS = lengthS;
    tell();
  }, () => undefined);
  signal.addEventListener("abort", () => {
    audio.pause();
    audio.removeAttribute("src");
    URL.revokeObjectURL(url);
  });
  const seek = (/** @type {number} */ seconds) => {
    audio.currentTime = seconds;
  };
  return { node, audio, toggle, seek };
}

/**
 * @param {HTMLElement} place
 * @param {File} file
 * @param {HTMLAudioElement} audio
 * @param {AbortSignal} signal
 * @returns {Promise<number>} How long it is, in seconds.
 */
async function drawWave(place, file, audio, signal) {
  await new Promise((resolve, reject) => {
    if (audio.readyState > 0) resolve(null);
    audio.addEventListener("loadedmetadata", resolve, { once: true });
    audio.addEventListener("error", reject, { once: true });
  });
  if (Number.isFinite(audio.duration) && audio.duration > LONGEST_WAVE_S) {
    replace(place, h("p", { class: "faint small" }, "Too long for a wave to be drawn."));
    return audio.duration;
  }
  const decoder = new OfflineAudioContext(1, 1, PEAK_RATE);
  const [WaveSurfer, bytes] = await Promise.all([loadWaveSurfer(), file.arrayBuffer()]);
  const sound = await decoder.decodeAudioData(bytes);
  if (signal.aborted) return sound.duration;
  const colours = () => {
    const style = getComputedStyle(place);
    return {
      waveColor: style.getPropertyValue("color"),
      progressColor: style.getPropertyValue("outline-color"),
      cursorColor: style.getPropertyValue("outline-color"),
    };
  };
  const wave = WaveSurfer.create({
    container: place,
    media: audio,
    peaks: [peaksOf(sound.getChannelData(0))],
    duration: sound.duration,
    height: WAVE_HEIGHT,
    barWidth: 2,
    barGap: 1,
    barRadius: 2,
    cursorWidth: 1,
    normalize: true,
    dragToSeek: true,
    hideScrollbar: true,
    ...colours(),
  });
  addEventListener("loquent:theme", () => wave.setOptions(colours()), { signal });
  signal.addEventListener("abort", () => wave.destroy());
  return sound.duration;
}

/**
 * Keep the loudest of each few samples.
 * @param {Float32Array} samples
 */
function peaksOf(samples) {
  const n = Math.min(samples.length, 4000);
  const peaks = new Float32Array(n);
  const step = samples.length / n;
  for (let i = 0; i < n; i += 1) {
    const end = Math.floor((i + 1) * step);
    for (let at = Math.floor(i * step); at < end; at += 1) {
      if (Math.abs(samples[at]) > Math.abs(peaks[i])) peaks[i] = samples[at];
    }
  }
  return peaks;
}

/* ----------------------------------------------------------------- text */

/**
 * @param {Paragraph[]} all
 * @param {ReturnType<typeof speakerNames>} names
 * @param {Player} player
 * @param {AbortSignal} signal
 */
function textOf(all, names, player, signal) {
  const atoms = all.flatMap((paragraph) => paragraph.atoms);
  /** @type {HTMLElement[]} */
  const spans = [];
  const whos = /** @type {[HTMLElement, string][]} */ ([]);
  const hint = freshLabel("Arrow keys go from word to word, space plays and pauses.");
  const body = h("div", {
    class: "transcript",
    tabindex: "0",
    role: "group",
    "aria-label": "Transcript",
    "aria-describedby": hint.id,
    onclick: (/** @type {Event} */ event) => {
      const span = /** @type {HTMLElement} */ (event.target).closest(".word");
      if (span) seekTo(Number(/** @type {HTMLElement} */ (span).dataset.at));
    },
    onkeydown: (/** @type {KeyboardEvent} */ event) => press(event),
  });
  for (const paragraph of all) {
    const words = paragraph.atoms.flatMap((atom) => {
      const span = h("span", { class: "word", dataset: { at: spans.length } }, atom.text);
      spans.push(span);
      return [atom.before, span];
    });
    const who = paragraph.speaker && h("span", { class: "who" }, names.label(paragraph.speaker));
    if (who) whos.push([who, paragraph.speaker]);
    body.append(
      h(
        "div",
        { class: `paragraph ${paragraph.speaker ? names.colour(paragraph.speaker) : ""}`.trim() },
        h(
          "div",
          { class: "paragraph-head" },
          who,
          h(
            "button",
            {
              type: "button",
              class: "stamp tabular",
              "aria-label": `Play from ${clock(paragraph.start)}`,
              onclick: () => {
                player.seek(paragraph.start);
                player.audio.play().catch(() => undefined);
              },
            },
            clock(paragraph.start),
          ),
        ),
        h("p", { dir: "auto" }, words),
      ),
    );
  }
  names.changes.addEventListener("change", () => {
    for (const [node, speaker] of whos) node.textContent = names.label(speaker);
  }, { signal });

  let lit = -1;
  function light() {
    const index = indexAt(atoms, player.audio.currentTime + 0.02);
    if (index === lit) return;
    spans[lit]?.classList.remove("is-heard");
    lit = index;
    const span = spans[lit];
    if (!span || (player.audio.paused && player.audio.currentTime === 0)) return;
    span.classList.add("is-heard");
    keepInView(body, span);
  }
  function follow() {
    light();
    if (!player.audio.paused && !signal.aborted) requestAnimationFrame(follow);
  }
  /** @param {number} index */
  function seekTo(index) {
    player.seek(atoms[index].start);
    light();
  }
  /** @param {KeyboardEvent} event */
  function press(event) {
    if (event.target !== body) return;
    const steps = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowLeft: -1 });
    if (steps[event.key]) {
      seekTo(Math.max(0, Math.min(atoms.length - 1, lit + steps[event.key])));
    } else if (event.key === " ") player.toggle();
    else return;
    event.preventDefault();
  }
  player.audio.addEventListener("play", follow);
  player.audio.addEventListener("seeked", light);
  return h("div", null, hint, body);
}

/**
 * Scroll the text, and not the page.
 * @param {HTMLElement} body
 * @param {HTMLElement} span
 */
function keepInView(body, span) {
  const [outer, inner] = [body.getBoundingClientRect(), span.getBoundingClientRect()];
  if (inner.top >= outer.top && inner.bottom <= outer.bottom) return;
  body.scrollTop += inner.top - outer.top - outer.height / 3;
}
