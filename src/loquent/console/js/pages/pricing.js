/**
 * Pricing: what every endpoint charges, brought to one measure so that it compares.
 * @module
 */

import { failure, money, searchBox } from "../admin.js";
import { request } from "../api.js";
import { h, replace } from "../dom.js";
import { badge, checkbox, emptyState, field, input, isCancelled, pageHeader, spinner, table, tabs } from "../widgets.js";

/** @typedef {import("../app.js").Context} Context */

export const id = "pricing";
export const title = "Pricing";

/** @type {[feature: string, label: string][]} */
const FEATURES = [
  ["speech_to_text", "Speech to text"],
  ["text_to_speech", "Text to speech"],
  ["translation", "Translation"],
  ["realtime", "Live"],
  ["diarization", "Speakers"],
];

/** @type {Record<string, string>} */
const UNITS = {
  second: "a second",
  minute: "a minute",
  hour: "an hour",
  request: "a request",
  million_characters: "a million characters",
  million_text_tokens: "a million tokens of text",
  million_audio_tokens: "a million tokens of sound",
  million_output_tokens: "a million tokens out",
};

/**
 * What one endpoint charges for one feature.
 * @typedef {object} Offer
 * @property {any} first
 * @property {any[]} lines
 * @property {number} standard For an hour heard or a million characters.
 */

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export async function mount(root, context) {
  const body = h("div", { class: "stack" }, spinner());
  const header = pageHeader(
    "Pricing",
    "What each endpoint charges, by the price list, from the cheapest on. Models on this machine cost nothing.",
  );
  replace(root, header, body);
  try {
    const list = await request("/v1/pricing", { signal: context.signal });
    replace(body, shown(list));
  } catch (error) {
    if (isCancelled(error)) return;
    replace(body, failure(error, context));
  }
}

/** @param {any} list */
function shown(list) {
  if (list.data.length === 0) {
    return emptyState({
      icon: "price",
      title: "Nothing is served yet",
      text: "Pull a model, or give the server the key of a provider in its settings; then its prices stand here.",
    });
  }
  const wanted = { text: "", isEu: false, amount: 1 };
  /** @type {Set<() => void>} */
  const draws = new Set();
  const redraw = () => draws.forEach((draw) => draw());
  const amount = input({
    type: "number", min: 0, step: "any", value: "1",
    oninput: () => {
      wanted.amount = Number(amount.value) || 0;
      redraw();
    },
  });
  const isEu = checkbox("Only providers based in the EU", {
    onchange: (/** @type {Event} */ event) => {
      wanted.isEu = /** @type {HTMLInputElement} */ (event.target).checked;
      redraw();
    },
  });
  const search = searchBox("Search models and providers", (text) => {
    wanted.text = text;
    redraw();
  });
  const items = FEATURES.map(([feature, label]) => {
    const offers = offersFor(list.data, feature);
    const place = h("div");
    const draw = () => replace(place, priceTable(offers, feature, list.currency, wanted));
    draws.add(draw);
    draw();
    return { id: feature, label: `${label} (${offers.length})`, content: place };
  });
  return h(
    "div",
    { class: "stack" },
    h("div", { class: "filters filters-low" }, search, h("div", { class: "narrow" }, field("How much of it", amount)), isEu),
    tabs(items, { label: "Features" }),
    h(
      "p",
      { class: "faint small" },
      "“Compared” is all lines of an endpoint for one hour of speech heard, or a million characters spoken. Where tokens are charged it is a guess: ten tokens of sound a second and 150 words a minute.",
    ),
  );
}

/**
 * Bring the lines of each endpoint together.
 * @param {any[]} lines
 * @param {string} feature
 * @returns {Offer[]}
 */
function offersFor(lines, feature) {
  /** @type {Map<string, Offer>} */
  const offers = new Map();
  for (const line of lines.filter((each) => each.feature === feature)) {
    const offer = offers.get(line.endpoint) ?? { first: line, lines: [], standard: Number(line.standard_price) };
    offer.lines.push(line);
    offers.set(line.endpoint, offer);
  }
  return [...offers.values()];
}

/**
 * @param {Offer[]} offers
 * @param {string} feature
 * @param {string} currency
 * @param {{text: string, isEu: boolean, amount: number}} wanted
 */
function priceTable(offers, feature, currency, wanted) {
  const isSpeech = feature === "text_to_speech";
  const unit = isSpeech ? "a million characters" : "an hour";
  const many = isSpeech ? "million characters" : wanted.amount === 1 ? "hour" : "hours";
  const rows = offers.filter(
    ({ first }) =>
      `${first.endpoint} ${first.model}`.toLowerCase().includes(wanted.text) && (!wanted.isEu || first.eu_native),
  );
  const free = () => badge("free", "good");
  return table({
    caption: `Prices, from the cheapest on`,
    rows,
    columns: [
      { label: "Model", cell: ({ first }) => first.model, sortBy: ({ first }) => first.model },
      { label: "Provider", cell: ({ first }) => (first.provider === "local" ? "this machine" : first.provider), sortBy: ({ first }) => first.provider },
      {
        label: "Region",
        cell: ({ first }) => h("span", { class: "row-tight" }, first.provider === "local" ? "here" : (first.region ?? "unknown"), first.eu_native && badge("EU", "good")),
        sortBy: ({ first }) => first.region ?? "",
      },
      { label: "As charged", cell: ({ lines }) => h("span", { class: "stack-tight small" }, lines.map((line) => charged(line, currency))) },
      {
        label: `Compared: ${unit}`, isNumber: true, sortBy: (offer) => offer.standard,
        cell: (offer) => (offer.standard === 0 ? free() : money(offer.standard, currency)),
      },
      {
        label: `${wanted.amount} ${many}`, isNumber: true, sortBy: (offer) => offer.standard,
        cell: (offer) => (offer.standard === 0 ? free() : money(offer.standard * wanted.amount, currency)),
      },
    ],
    empty: emptyState({ icon: "price", title: "No price fits", text: "Nobody who is configured here offers this within the filters." }),
  });
}

/**
 * @param {any} line
 * @param {string} currency
 */
function charged(line, currency) {
  if (Number(line.price) === 0) return h("span", { class: "faint" }, "nothing is charged");
  const terms = [
    line.billed_in_steps_of_seconds > 1 && `in steps of ${line.billed_in_steps_of_seconds} s`,
    line.minimum_seconds > 0 && `at least ${line.minimum_seconds} s`,
    line.valid_until && `until ${line.valid_until}`,
    line.checked_on && `as of ${line.checked_on}`,
  ].filter(Boolean);
  const unit = UNITS[line.unit] ?? line.unit.replaceAll("_", " ");
  return h("span", null, `${line.price} ${currency} for ${unit}`, terms.length > 0 && h("span", { class: "faint" }, `, ${terms.join(", ")}`));
}
