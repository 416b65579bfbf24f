/**
 * Usage: what was used, by day and by whatever else is asked; for a spreadsheet, too.
 * @module
 */

import { commandLine, count, failure, money, stats } from "../admin.js";
import { BASE, request, respond } from "../api.js";
import { h, replace } from "../dom.js";
import { loadUplot } from "../vendor.js";
import {
  button, card, clock, emptyState, errorBanner, field, input, isCancelled, note, pageHeader, saveAs,
  select, spinner, table,
} from "../widgets.js";

/** @typedef {import("../app.js").Context} Context */

export const id = "usage";
export const title = "Usage";

const DAY_MS = 86_400_000;
const N_COLOURS = 8;
const REST = "everything else";

const GROUPS = [
  { value: "model", label: "by model" },
  { value: "provider", label: "by provider" },
  { value: "key", label: "by key" },
  { value: "project", label: "by project" },
  { value: "deployment", label: "by deployment" },
  { value: "capability", label: "by what was asked" },
  { value: "outcome", label: "by how it ended" },
];

/**
 * What a chart shows.
 * @type {Record<string, {label: string, of: (line: any) => number,
 *   write: (value: number, currency: string) => string}>}
 */
const MEASURES = {
  requests: { label: "Requests", of: (line) => line.requests, write: count },
  audio: { label: "Audio", of: (line) => line.audio_ms / 1000, write: (value) => clock(value) },
  characters: { label: "Characters spoken", of: (line) => line.characters, write: count },
  price: { label: "Price", of: (line) => Number(line.price), write: (value, currency) => money(value, currency) },
  failed: { label: "Failures", of: (line) => line.failed, write: count },
};

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export async function mount(root, context) {
  const today = dayText(new Date());
  const range = select(
    [
      { value: "7", label: "7 days" },
      { value: "30", label: "30 days" },
      { value: "90", label: "90 days" },
      { value: "365", label: "A year" },
      { value: "own", label: "From … to …" },
    ],
    { value: "30", onchange: choose },
  );
  const since = input({ type: "date", max: today, onchange: load });
  const until = input({ type: "date", max: today, value: today, onchange: load });
  const group = select(GROUPS, { value: "model", onchange: load });
  const measure = select(
    Object.entries(MEASURES).map(([value, { label }]) => ({ value, label })),
    { value: "requests", onchange: () => drawn?.() },
  );
  const own = h("div", { class: "row" }, field("First day", since), field("Last day", until));
  const body = h("div", { class: "stack" }, spinner());
  /** @type {(() => void) | null} */
  let drawn = null;
  /** @type {(() => void) | null} */
  let leave = null;

  function choose() {
    own.hidden = range.value !== "own";
    if (range.value !== "own") {
      since.value = dayText(new Date(Date.now() - (Number(range.value) - 1) * DAY_MS));
      until.value = today;
    }
    load();
  }

  function query() {
    return { since: since.value, until: until.value };
  }

  let asking = new AbortController();

  async function load() {
    asking.abort();  // an answer to what was asked before would come in the place of the next
    asking = new AbortController();
    const signal = AbortSignal.any([asking.signal, context.signal]);
    try {
      const by = group.value;
      const [days, sums, names] = await Promise.all([
        request("/v1/usage", { query: { ...query(), group_by: ["day", by] }, signal }),
        request("/v1/usage", { query: { ...query(), group_by: by }, signal }),
        namesOf(by, signal),
      ]);
      if (signal.aborted) return;
      leave?.();
      leave = null;
      if (sums.total.requests === 0) {
        replace(body, nothing());
        drawn = null;
        return;
      }
      const named = (/** @type {any} */ line) => nameOf(line.group[by], by, names);
      drawn = () => {
        leave?.();
        const chart = chartOf(days.data, daysBetween(since.value, until.value), named, measure.value);
        leave = chart.leave;
        replace(body, shown(sums, by, named, measure.value, chart));
      };
      drawn();
    } catch (error) {
      if (isCancelled(error)) return;
      drawn = null;
      replace(body, told(error, context));
    }
  }

  /** @param {"sums" | "rows"} what */
  async function download(what) {
    const path = what === "sums" ? "/v1/usage" : "/v1/usage/rows";
    const more = what === "sums" ? { group_by: ["day", group.value] } : {};
    try {
      const response = await respond(path, { query: { ...query(), ...more, format: "csv" }, signal: context.signal });
      saveAs(`loquent-usage-${since.value}-${until.value}-${what}.csv`, await response.blob(), "text/csv");
    } catch (error) {
      if (!isCancelled(error)) body.prepend(told(error, context));
    }
  }

  replace(
    root,
    pageHeader(
      "Usage",
      "What was used and what it costs by the price list. Days are those of UTC.",
      button("Sums as CSV", { icon: "download", onclick: () => download("sums") }),
      button("Requests as CSV", { icon: "download", onclick: () => download("rows") }),
    ),
    h(
      "div",
      { class: "filters filters-low" },
      h("div", { class: "narrow" }, field("Time", range)),
      own,
      h("div", { class: "narrow" }, field("Split", group)),
      h("div", { class: "narrow" }, field("Chart", measure)),
    ),
    body,
  );
  addEventListener("loquent:theme", () => drawn?.(), { signal: context.signal });
  context.signal.addEventListener("abort", () => leave?.());
  choose();
}

/**
 * @param {any} error
 * @param {Context} context
 */
function told(error, context) {
  if (error?.status === 404) {
    return emptyState({ icon: "chart", title: "Nothing is written down here", text: error.message });
  }
  return failure(error, context);
}

function nothing() {
  const command = `curl ${new URL("v1/audio/transcriptions", BASE).href} -F file=@talk.mp3 -F model=whisper-1`;
  return card(
    {},
    emptyState({
      icon: "chart",
      title: "Nothing was used in these days",
      text: "Every request becomes a row in the ledger: who asked, what served, how much, and what it costs. Transcribe something, and it stands here at once.",
      action: h("a", { class: "button button-primary", href: "#/transcribe" }, "Transcribe something"),
    }),
    commandLine(command),
  );
}

/**
 * Return the names of keys or projects, as far as the key may see them.
 * @param {string} by
 * @param {AbortSignal} signal
 * @returns {Promise<Map<string, string>>}
 */
async function namesOf(by, signal) {
  const path = { key: "/v1/admin/keys", project: "/v1/admin/projects" }[by];
  if (!path) return new Map();
  try {
    const list = await request(path, { signal, quiet: true, unrecorded: true });
    return new Map(list.data.map((/** @type {any} */ each) => [each.id, each.name]));
  } catch {
    return new Map();  // ids will do
  }
}

/**
 * @param {string} value
 * @param {string} by
 * @param {Map<string, string>} names
 */
function nameOf(value, by, names) {
  if (!value) return { key: "no key", deployment: "what all share" }[by] ?? "none";
  if (by === "key" && value === "static") return "the key of the settings";
  const name = names.get(value);
  return name ? `${name} (${value})` : value;
}

/**
 * @param {any} sums
 * @param {string} by
 * @param {(line: any) => string} named
 * @param {string} measure
 * @param {{node: Node}} chart
 */
function shown(sums, by, named, measure, chart) {
  const { total } = sums;
  const currency = total.currency ?? "USD";
  const columns = [
    { label: by[0].toUpperCase() + by.slice(1), cell: named, sortBy: named },
    { label: "Requests", isNumber: true, cell: (/** @type {any} */ line) => count(line.requests), sortBy: (/** @type {any} */ line) => line.requests },
    { label: "Failed", isNumber: true, cell: (/** @type {any} */ line) => count(line.failed), sortBy: (/** @type {any} */ line) => line.failed },
    { label: "Audio", isNumber: true, cell: (/** @type {any} */ line) => clock(line.audio_ms / 1000), sortBy: (/** @type {any} */ line) => line.audio_ms },
    { label: "Characters", isNumber: true, cell: (/** @type {any} */ line) => count(line.characters), sortBy: (/** @type {any} */ line) => line.characters },
    { label: "Price", isNumber: true, cell: (/** @type {any} */ line) => money(line.price, line.currency), sortBy: (/** @type {any} */ line) => Number(line.price) },
  ];
  return h(
    "div",
    { class: "stack" },
    stats([
      ["Requests", count(total.requests)],
      ["Failed", count(total.failed)],
      ["Audio", clock(total.audio_ms / 1000)],
      ["Characters spoken", count(total.characters)],
      ["Price", total.price === null ? "several currencies" : money(total.price, currency)],
    ]),
    card({ title: `${MEASURES[measure].label} a day` }, chart.node),
    total.price === null && note("Prices of these days are in several currencies; the chart adds their numbers up."),
    table({ caption: `Usage ${GROUPS.find((each) => each.value === by)?.label ?? ""}`, columns, rows: sums.data }),
  );
}

/* ---------------------------------------------------------------- chart */

/**
 * Draw bars for each day, stacked.
 * @param {any[]} lines
 * @param {string[]} days
 * @param {(line: any) => string} named
 * @param {string} measure
 */
function chartOf(lines, days, named, measure) {
  const { label, of, write } = MEASURES[measure];
  const currency = lines[0]?.currency ?? "USD";
  const stacks = stacked(lines, days, named, of);
  const place = h("div", {
    class: "chart", role: "img",
    "aria-label": `${label} a day, stacked. The table below has the sums of ${stacks.map((stack) => stack.name).join(", ")}.`,
  });
  const tip = h("div", { class: "chart-tip", hidden: true });
  const legend = h(
    "ul",
    { class: "legend" },
    stacks.map((stack, index) => h("li", null, swatch(index), stack.name)),
  );
  const node = h("div", { class: "stack-tight" }, h("div", { class: "chart-frame" }, place, tip), legend);
  let isOver = false;
  /** @type {any} */
  let plot = null;
  const observer = new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height: 260 }));
  loadUplot().then((uPlot) => {
    if (isOver) return;
    const colours = colourOf(place);
    const write_ = (/** @type {number} */ value) => write(value, currency);
    plot = new uPlot(options(place, tip, { stacks, days, write: write_, colours, uPlot }), seriesOf(stacks, days), place);
    observer.observe(place);
  }, (error) => replace(place, errorBanner(error)));
  return {
    node,
    leave: () => {
      isOver = true;
      observer.disconnect();
      plot?.destroy();
    },
  };
}

/**
 * Sum by name and day; beyond as many names as there are colours, the least go together.
 * @param {any[]} lines
 * @param {string[]} days
 * @param {(line: any) => string} named
 * @param {(line: any) => number} of
 */
function stacked(lines, days, named, of) {
  /** @type {Map<string, number[]>} */
  const found = new Map();
  const at = new Map(days.map((day, index) => [day, index]));
  for (const line of lines) {
    const index = at.get(line.group.day);
    if (index === undefined) continue;
    const values = found.get(named(line)) ?? days.map(() => 0);
    values[index] += of(line);
    found.set(named(line), values);
  }
  const all = [...found].map(([name, values]) => ({ name, values, sum: values.reduce((a, b) => a + b, 0) }));
  all.sort((a, b) => b.sum - a.sum || a.name.localeCompare(b.name));
  if (all.length <= N_COLOURS) return all;
  const least = all.splice(N_COLOURS - 1);
  const values = days.map((_, index) => least.reduce((sum, each) => sum + each.values[index], 0));
  return [...all, { name: REST, values, sum: values.reduce((a, b) => a + b, 0) }];
}

/**
 * Bars are drawn over each other, the highest first: each reaches down to nothing.
 * @param {{values: number[]}[]} stacks
 * @param {string[]} days
 */
function seriesOf(stacks, days) {
  const heights = stacks.map((_, index) =>
    days.map((__, day) => stacks.slice(0, index + 1).reduce((sum, stack) => sum + stack.values[day], 0)),
  );
  return [days.map((_, index) => index), ...heights.reverse()];
}

/** @param {Element} place */
function colourOf(place) {
  const resolved = (/** @type {string} */ name) => {
    const probe = h("span", { class: "unseen", style: { color: `var(${name})` } });
    place.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
  return {
    stacks: Array.from({ length: N_COLOURS }, (_, index) => resolved(`--who-${index}`)),
    text: resolved("--text-3"),
    line: resolved("--line"),
    font: `12px ${getComputedStyle(document.body).fontFamily}`,
  };
}

/**
 * @param {HTMLElement} place
 * @param {HTMLElement} tip
 * @param {{stacks: {name: string, values: number[]}[], days: string[], write: (value: number) => string,
 *   colours: ReturnType<typeof colourOf>, uPlot: any}} what
 */
function options(place, tip, { stacks, days, write, colours, uPlot }) {
  const axis = { stroke: colours.text, font: colours.font, ticks: { show: false } };
  const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
  const bars = uPlot.paths.bars({ size: [0.72, 42], radius: 0.12 });
  return {
    width: place.clientWidth,
    height: 260,
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: [-0.5, days.length - 0.5] },
      y: { range: (/** @type {any} */ _, /** @type {number} */ _least, /** @type {number} */ most) => [0, most > 0 ? most * 1.08 : 1] },
    },
    axes: [
      {
        ...axis,
        size: 30,
        grid: { show: false },
        incrs: [1, 2, 5, 7, 14, 30, 60],
        space: 64,
        values: (/** @type {any} */ _, /** @type {number[]} */ splits) =>
          splits.map((split) => (days[split] ? short.format(new Date(days[split])) : "")),
      },
      {
        ...axis,
        size: 64,
        grid: { stroke: colours.line, width: 1 },
        values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map(write),
      },
    ],
    series: [
      {},
      ...stacks.map((_, index) => ({ fill: colours.stacks[stacks.length - 1 - index], width: 0, paths: bars, points: { show: false } })),
    ],
    hooks: { setCursor: [(/** @type {any} */ plot) => pointAt(plot, tip, { stacks, days, write })] },
  };
}

/**
 * Tell what a day under the pointer was made of.
 * @param {any} plot
 * @param {HTMLElement} tip
 * @param {{stacks: {name: string, values: number[]}[], days: string[], write: (value: number) => string}} what
 */
function pointAt(plot, tip, { stacks, days, write }) {
  const index = plot.cursor.idx;
  tip.hidden = index === null || index === undefined || plot.cursor.left < 0;
  if (tip.hidden) return;
  const told = stacks.map((stack, colour) => ({ ...stack, colour })).filter((stack) => stack.values[index] > 0);
  replace(
    tip,
    h("p", { class: "strong" }, days[index]),
    told.length === 0
      ? h("p", { class: "faint" }, "nothing")
      : told.map((stack) => h("p", null, swatch(stack.colour), `${stack.name}: ${write(stack.values[index])}`)),
  );
  const x = plot.valToPos(index, "x") + plot.over.offsetLeft;
  const isRight = x > plot.width / 2;
  tip.style.left = isRight ? "" : `${x + 14}px`;
  tip.style.right = isRight ? `${plot.width - x + 14}px` : "";
}

/** @param {number} index */
function swatch(index) {
  return h("span", { class: "swatch", style: { background: `var(--who-${index % N_COLOURS})` } });
}

/* ----------------------------------------------------------------- days */

/** @param {Date} day */
function dayText(day) {
  return day.toISOString().slice(0, 10);
}

/**
 * @param {string} since
 * @param {string} until
 */
function daysBetween(since, until) {
  const days = [];
  for (let at = Date.parse(since); at <= Date.parse(until); at += DAY_MS) days.push(dayText(new Date(at)));
  return days;
}
