/**
 * Routes: where a request would go, and why not elsewhere; nothing is sent to anybody.
 * @module
 */

import { badges, failure, money } from "../admin.js";
import { request } from "../api.js";
import { h, replace } from "../dom.js";
import {
  badge, button, card, checkbox, disclosure, emptyState, errorBanner, field, input, isCancelled,
  pageHeader, select, spinner, table,
} from "../widgets.js";

/** @typedef {import("../app.js").Context} Context */

export const id = "routes";
export const title = "Routes";

const CAPABILITIES = [
  { value: "transcription", label: "Transcribe" },
  { value: "translation", label: "Translate into English" },
  { value: "speech", label: "Speak" },
  { value: "realtime", label: "Follow live" },
  { value: "diarization", label: "Tell speakers apart" },
];

/** @type {Record<string, string>} */
const PREFERENCES = {
  balanced: "Balanced: half the time, half the price, each against the best candidate.",
  speed: "Speed: what is expected to answer first, whatever it costs.",
  cost: "Cost: the cheapest by the price list; among equals the faster one.",
};

const DETAILS = [
  "segments", "words", "speakers", "known_speakers", "speaker_count", "logprobs", "stream",
  "language", "prompt", "hotwords", "temperature", "commit", "instructions", "speed", "word_times",
];

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export async function mount(root, context) {
  const names = h("datalist", { id: "route-models" });
  const model = input({
    value: context.params.get("model") ?? "whisper-1", list: names.id, required: true, spellcheck: "false",
  });
  const capability = select(CAPABILITIES, { value: context.params.get("capability") ?? "transcription", onchange: adapt });
  const preference = select(
    Object.keys(PREFERENCES).map((value) => ({ value, label: value })),
    { value: "balanced" },
  );
  const language = input({ placeholder: "en", maxlength: 3 });
  const seconds = input({ type: "number", min: 0, step: "any", value: "60" });
  const characters = input({ type: "number", min: 1, value: "900" });
  const fileBytes = input({ type: "number", min: 0, step: "any", placeholder: "any" });
  const fileType = input({ placeholder: "m4a" });
  const providers = h("div", { class: "row checks" });
  const euOnly = checkbox("Only providers based in the EU");
  const exact = checkbox("No quantised weights");
  const details = DETAILS.map((name) => checkbox(name.replaceAll("_", " "), { value: name }));
  const secondsField = field("Seconds of audio", seconds);
  const charactersField = field("Characters of text", characters);
  const answer = h("div", { class: "stack", "aria-live": "polite" });

  function adapt() {
    const isSpeech = capability.value === "speech";
    secondsField.hidden = isSpeech;
    charactersField.hidden = !isSpeech;
  }
  adapt();

  function question() {
    const isSpeech = capability.value === "speech";
    const allowed = checkedIn(providers);
    const megabytes = Number(fileBytes.value);
    const body = {
      model: model.value.trim(),
      capability: capability.value,
      preference: preference.value,
      language: language.value.trim() || undefined,
      audio_seconds: isSpeech ? undefined : Number(seconds.value),
      characters: isSpeech ? Number(characters.value) : undefined,
      file_bytes: megabytes > 0 ? Math.round(megabytes * 1e6) : undefined,
      file_type: fileType.value.trim() || undefined,
      details: details.map(boxIn).filter((box) => box.checked).map((box) => box.value),
      allowed_providers: allowed.length > 0 ? allowed : undefined,
      eu_native: boxIn(euOnly).checked || undefined,
      allow_quantization: boxIn(exact).checked ? false : undefined,
    };
    if (body.details.length === 0) delete (/** @type {any} */ (body).details);
    return body;
  }

  async function explain() {
    replace(answer, spinner());
    try {
      const told = await request("/v1/route", { json: question(), signal: context.signal });
      replace(answer, shown(told));
    } catch (error) {
      if (isCancelled(error)) return;
      replace(answer, failureOf(error, context));
    }
  }

  const form = h(
    "form",
    {
      class: "stack",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        explain();
      },
    },
    names,
    h(
      "div",
      { class: "grid" },
      field("Model", model, { hint: "An id, an alias, a pool, or an endpoint." }),
      field("To do what", capability),
      field("Preference", preference),
      secondsField,
      charactersField,
    ),
    disclosure(
      "Limits and what the answer must tell",
      h("div", { class: "grid" }, field("Language", language, { hint: "A code such as en; empty: unknown." }), field("Size of the file in MB", fileBytes), field("Format of the file", fileType)),
      h("fieldset", { class: "checks" }, h("legend", null, "Only these providers"), providers),
      h("div", { class: "row" }, euOnly, exact),
      h("fieldset", { class: "checks" }, h("legend", null, "The answer must tell, or the model heed"), h("div", { class: "row" }, details)),
    ),
    h("div", { class: "actions" }, button("Where would it go?", { kind: "primary", icon: "routes", type: "submit" })),
  );

  replace(
    root,
    pageHeader(
      "Routes",
      "Where a request would go, in which order others would be tried, and why not elsewhere. Nothing is sent to anybody.",
    ),
    card({}, form),
    answer,
  );

  try {
    const { data } = await request("/v1/models", { signal: context.signal });
    replace(names, ...data.map((/** @type {any} */ each) => h("option", { value: each.id })));
    const found = new Set(data.flatMap((/** @type {any} */ each) => each.endpoints.map((/** @type {any} */ place) => place.provider)));
    replace(providers, ...[...found].sort().map((name) => checkbox(String(name), { value: String(name) })));
    if (!data.some((/** @type {any} */ each) => each.id === model.value) && data.length > 0) model.value = mostServed(data);
    await explain();
  } catch (error) {
    if (isCancelled(error)) return;
    replace(answer, failure(error, context));
  }
}

/**
 * Return the name that most endpoints stand behind: the one with the most to explain.
 * @param {any[]} models
 */
function mostServed(models) {
  const places = (/** @type {any} */ each) => new Set(each.endpoints.map((/** @type {any} */ place) => place.provider)).size;
  return models.reduce((best, each) => (places(each) > places(best) ? each : best)).id;
}

/** @param {HTMLElement} node */
function boxIn(node) {
  return /** @type {HTMLInputElement} */ (node.querySelector("input"));
}

/** @param {HTMLElement} node */
function checkedIn(node) {
  return [...node.querySelectorAll("input")].filter((box) => box.checked).map((box) => box.value);
}

/**
 * @param {any} error
 * @param {Context} context
 */
function failureOf(error, context) {
  if (error?.status === 404 || error?.status === 400) return errorBanner(error);
  return failure(error, context);
}

/** @param {any} told */
function shown(told) {
  const able = told.candidates.filter((/** @type {any} */ each) => each.is_able);
  const most = Math.max(...able.map((/** @type {any} */ each) => each.score ?? 0), 0);
  /** @type {any[]} */
  const rows = told.candidates.map((/** @type {any} */ each, /** @type {number} */ index) => ({ ...each, place: index + 1 }));
  return h(
    "div",
    { class: "stack" },
    verdict(told, able),
    table({
      caption: "Candidates, in the order in which they would be tried",
      rows,
      columns: [
        { label: "#", isNumber: true, cell: (each) => (each.is_able ? each.place : "–") },
        { label: "Endpoint", cell: (each) => endpoint(each, told.choice) },
        { label: "Score", cell: (each) => score(each.score, most) },
        { label: "Price", isNumber: true, cell: (each) => (Number(each.price) === 0 ? "free" : money(each.price, told.currency)) },
        { label: "Expected", isNumber: true, cell: (each) => expected(each) },
        { label: "Where", cell: where },
        { label: "Notes", cell: notes },
      ],
      empty: emptyState({
        icon: "routes", title: "Nobody serves this", text: "No endpoint of that name is configured. The page Models lists what there is.",
      }),
    }),
    h(
      "p",
      { class: "faint small" },
      "Those that do all of it themselves come first, then this machine unless speed is preferred, then the least score. ",
      PREFERENCES[told.preference],
      " Prices are by the price list, times by what was measured lately.",
    ),
  );
}

/**
 * @param {any} told
 * @param {any[]} able
 */
function verdict(told, able) {
  if (!told.choice) {
    const next = able.length > 0 ? "Those that could are down or overloaded now." : "The reasons are below.";
    return h("p", { class: "verdict verdict-bad" }, `Nobody could serve ${told.model} now. ${next}`);
  }
  const others = able.filter((each) => each.endpoint !== told.choice && each.is_up).length;
  const rest = others === 0 ? "Nobody stands in if it fails." : `If it fails, ${others} more ${others === 1 ? "is" : "are"} tried.`;
  return h("p", { class: "verdict" }, "It would go to ", h("strong", null, told.choice), `. ${rest}`);
}

/**
 * @param {any} each
 * @param {string | null} choice
 */
function endpoint(each, choice) {
  return h(
    "span",
    { class: "stack-tight" },
    h("span", { class: "row-tight" }, h("code", null, each.endpoint), each.endpoint === choice && badge("first choice", "good")),
    !each.is_up && h("span", { class: "small bad" }, `left alone for ${Math.ceil(each.retry_in_seconds)} s: ${each.last_error ?? "it failed"}`),
  );
}

/**
 * @param {number | null} value
 * @param {number} most
 */
function score(value, most) {
  if (value === null) return h("span", { class: "faint" }, "–");
  const fill = h("span", { class: "score-fill", style: { width: `${most > 0 ? Math.max(2, (value / most) * 100) : 2}%` } });
  return h("span", { class: "score" }, h("span", { class: "score-bar" }, fill), h("span", { class: "tabular" }, value.toFixed(2)));
}

/** @param {any} each */
function expected(each) {
  const wait = each.queue_wait_seconds > 0 ? `, ${each.queue_wait_seconds.toFixed(1)} s of it in a queue` : "";
  return h("span", { title: `Failed lately: ${Math.round(each.error_rate * 100)} %` }, `${each.expected_seconds.toFixed(1)} s${wait}`);
}

/** @param {any} each */
function where(each) {
  return h(
    "span",
    { class: "row-tight" },
    each.provider === "local" ? "this machine" : (each.region ?? "unknown"),
    each.eu_native && badge("EU", "good"),
    each.gdpr === "yes" && badge("GDPR", "good"),
  );
}

/** @param {any} each */
function notes(each) {
  return h(
    "span",
    { class: "stack-tight small" },
    each.reasons.map((/** @type {any} */ reason) => h("span", { class: "bad" }, reason.reason)),
    each.derived.length > 0 && h("span", { class: "row-tight" }, "made here: ", badges(each.derived)),
    each.ignored.length > 0 && h("span", { class: "row-tight" }, "ignored: ", badges(each.ignored, "warn")),
  );
}

