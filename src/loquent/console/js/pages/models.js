/**
 * Models: what is served here and elsewhere, what can be had; get it, free its memory, drop it.
 * @module
 */

import { badges, count, facts, failure, isRefusal, pathOf, searchBox } from "../admin.js";
import { request, stream } from "../api.js";
import { h, replace } from "../dom.js";
import {
  ask, badge, button, card, clock, disclosure, emptyState, errorBanner, field, input, isCancelled,
  languageName, pageHeader, progress, select, setOptions, size, table, toast,
} from "../widgets.js";

/** @typedef {import("../app.js").Context} Context */

export const id = "models";
export const title = "Models";

const POLL_MS = 3000;

/**
 * @typedef {object} Model
 * @property {string} id
 * @property {string[]} names Other names of it.
 * @property {string[]} capabilities
 * @property {string[]} languages
 * @property {string} license
 * @property {string} quantization
 * @property {string} owner
 * @property {any[]} endpoints
 * @property {boolean} isInstalled
 * @property {boolean} isBuiltIn
 * @property {boolean} isOffered It can be pulled by its id.
 * @property {string[]} neededBy
 * @property {number | null} bytes
 * @property {string} source
 */

/** @type {Record<string, string>} */
const CAN = {
  transcription: "transcribes", translation: "translates", realtime: "live",
  speech: "speaks", diarization: "tells speakers apart",
};

/** @type {Record<string, string>} */
const STATES = {
  resolving: "Looking for it", downloading: "Downloading", verifying: "Checking",
  installing: "Installing", done: "Installed",
};

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export async function mount(root, context) {
  const list = h("ul", { class: "models" });
  const told = h("p", { class: "faint small", role: "status" });
  const wanted = { text: "", capability: "", where: "", language: "" };
  /** @type {Model[]} */
  let models = [];
  /** @type {Map<string, any>} */
  let activity = new Map();
  /** @type {Map<string, ReturnType<typeof startPull>>} Shown until they are dismissed. */
  const pulls = new Map();

  const capability = select(
    [{ value: "", label: "Any ability" }, ...Object.entries(CAN).map(([value, label]) => ({ value, label }))],
    { "aria-label": "Ability", onchange: filter },
  );
  const where = select(
    [
      { value: "", label: "Everywhere" },
      { value: "loaded", label: "In memory" },
      { value: "installed", label: "On this machine" },
      { value: "remote", label: "At providers" },
      { value: "missing", label: "Not installed" },
    ],
    { "aria-label": "Where", onchange: filter },
  );
  const language = select([], { "aria-label": "Language", onchange: filter });
  const search = searchBox("Search models", (text) => {
    wanted.text = text;
    draw();
  });

  function filter() {
    wanted.capability = capability.value;
    wanted.where = where.value;
    wanted.language = language.value;
    draw();
  }

  async function load() {
    const [served, catalog, status] = await Promise.all([
      request("/v1/models", { signal: context.signal }),
      request("/v1/catalog", { signal: context.signal }),
      request("/v1/status", { signal: context.signal }),
    ]);
    models = joined(served.data, catalog.data);
    for (const modelId of pulls.keys()) expect(modelId);
    note(status);
    const codes = [...new Set(models.flatMap((model) => model.languages))];
    const named = codes.map((value) => ({ value, label: languageName(value) }));
    named.sort((a, b) => a.label.localeCompare(b.label));
    setOptions(language, [{ value: "", label: "Any language" }, ...named]);
    draw();
  }

  function note(/** @type {any} */ status) {
    activity = new Map(status.models.map((/** @type {any} */ each) => [each.model, each]));
  }

  function draw() {
    const shown = models.filter((model) => isWanted(model));
    told.textContent = `${count(shown.length)} of ${count(models.length)} models`;
    replace(list, ...shown.map(entry));
    if (shown.length > 0) return;
    replace(
      list,
      h("li", null, emptyState({
        icon: "search",
        title: "No model fits",
        text: "Choose fewer filters, or pull another model from the hub below.",
      })),
    );
  }

  function isWanted(/** @type {Model} */ model) {
    const text = [model.id, ...model.names, model.owner].join(" ").toLowerCase();
    const places = {
      loaded: [...activity.keys()].some((each) => each.split("@")[0] === model.id),
      installed: model.isInstalled,
      remote: model.endpoints.some((place) => place.provider !== "local"),
      missing: !model.isInstalled && model.isOffered,
    };
    return (
      text.includes(wanted.text) &&
      (!wanted.capability || model.capabilities.includes(wanted.capability)) &&
      (!wanted.language || model.languages.includes(wanted.language)) &&
      (!wanted.where || places[/** @type {keyof typeof places} */ (wanted.where)])
    );
  }

  function entry(/** @type {Model} */ model) {
    const states = [...activity.values()].filter((each) => each.model.split("@")[0] === model.id);
    return h(
      "li",
      { class: "model card", dataset: { model: model.id } },
      h(
        "div",
        { class: "model-head" },
        h(
          "div",
          { class: "grow stack-tight" },
          h("div", { class: "row-tight" }, h("h2", null, model.id), stateBadge(model, states)),
          h("div", { class: "row-tight small faint" }, badges(model.capabilities.map((each) => CAN[each] ?? each)), summary(model)),
        ),
        h("div", { class: "actions" }, actions(model, states)),
      ),
      states.filter((each) => each.is_loaded).map(work),
      pulls.get(model.id)?.node,
      disclosure("Details", details(model)),
    );
  }

  /**
   * @param {Model} model
   * @param {any[]} states
   */
  function actions(model, states) {
    const running = pulls.get(model.id);
    if (running?.isRunning()) return button("Stop", { icon: "stop", small: true, onclick: running.stop });
    if (!model.isInstalled) {
      if (!model.isOffered) return null;
      return button("Pull", {
        icon: "download", small: true, "aria-label": `Pull ${model.id}`, onclick: () => pull(model.id),
      });
    }
    const isLoaded = states.some((each) => each.is_loaded);
    return [
      isLoaded && button("Unload", {
        kind: "quiet", small: true, "aria-label": `Unload ${model.id}`, onclick: () => unload(model),
      }),
      !model.isBuiltIn && button("Remove", {
        kind: "quiet", icon: "trash", small: true, "aria-label": `Remove ${model.id}`, onclick: () => remove(model),
      }),
    ];
  }

  async function unload(/** @type {Model} */ model) {
    await attempt(model.id, async () => {
      await request(`/v1/models/${pathOf(model.id)}/unload`, { method: "POST" });
      toast(`${model.id} is out of memory.`, "good");
    });
  }

  async function remove(/** @type {Model} */ model) {
    const needed = model.neededBy.map((name) => h("code", null, name));
    const isSure = await ask({
      title: `Remove ${model.id}?`,
      body: h(
        "div",
        { class: "stack-tight" },
        h("p", null, `This deletes ${model.bytes ? size(model.bytes) : "it"} from the disk. It can be pulled again.`),
        needed.length > 0 &&
          h("p", { class: "faint" }, "The settings of this server name it in ", needed, ", so it will refuse."),
      ),
      confirm: "Remove",
      kind: "danger",
    });
    if (!isSure) return;
    await attempt(model.id, async () => {
      await request(`/v1/models/${pathOf(model.id)}`, { method: "DELETE" });
      toast(`${model.id} is removed.`, "good");
    });
  }

  /**
   * Do something to a model, and tell at its place what goes wrong.
   * @param {string} modelId
   * @param {() => Promise<void>} act
   */
  async function attempt(modelId, act) {
    try {
      await act();
      pulls.delete(modelId);
      await load();
    } catch (error) {
      if (isCancelled(error)) return;
      pulls.set(modelId, shownError(error));
      draw();
    }
  }

  function shownError(/** @type {unknown} */ error) {
    const node = isRefusal(error) ? failure(error, context) : errorBanner(error);
    return { node, isRunning: () => false, stop: () => undefined };
  }

  /** List a model that is on its way, even if no catalog does. */
  function expect(/** @type {string} */ modelId) {
    if (models.some((model) => model.id === modelId)) return;
    models = [{ ...blank(modelId), isOffered: true }, ...models];
  }

  function pull(/** @type {string} */ modelId) {
    const running = startPull(modelId, context, {
      onDone: async () => {
        pulls.delete(modelId);
        toast(`${modelId} is installed.`, "good");
        await load();
      },
      onFailure: (error) => {
        pulls.set(modelId, shownError(error));
        draw();
      },
      onStopped: () => {
        pulls.delete(modelId);
        toast(`Stopped. The next pull of ${modelId} goes on from here.`);
        draw();
      },
    });
    pulls.set(modelId, running);
    expect(modelId);
    draw();
    return running;
  }

  const reference = input({ placeholder: "Systran/faster-distil-whisper-large-v3", spellcheck: "false" });
  const hub = card(
    { title: "Pull from the model hub" },
    h(
      "form",
      {
        class: "row",
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          const name = reference.value.trim();
          if (!name) return;
          reference.value = "";
          pull(name);
          scrollTo({ top: 0, behavior: "smooth" });
        },
      },
      h("div", { class: "grow" }, field("Repository", reference, {
        hint: "A Whisper in CTranslate2's format, as owner/name or owner/name@revision; or a Piper voice such as piper-de_DE-thorsten-medium.",
      })),
      button("Pull", { icon: "download", type: "submit" }),
    ),
  );

  replace(
    root,
    pageHeader(
      "Models",
      "What this server can hear and speak with: on this machine, at providers, or a download away.",
      button("Refresh", { icon: "refresh", onclick: context.reload }),
    ),
    h("div", { class: "filters" }, search, capability, where, language),
    told,
    list,
    hub,
  );
  try {
    await load();
  } catch (error) {
    if (isCancelled(error)) return;
    replace(list, h("li", null, failure(error, context)));
    return;
  }
  const poll = setInterval(async () => {
    if (document.hidden || list.contains(document.activeElement)) return;
    try {
      note(await request("/v1/status", { signal: context.signal, unrecorded: true, quiet: true }));
      if (!list.querySelector("details[open]")) draw();
    } catch {
      // The next one may come through; what is shown stays.
    }
  }, POLL_MS);
  context.signal.addEventListener("abort", () => {
    clearInterval(poll);
    for (const running of pulls.values()) running.stop();
  });
}

/**
 * Join what is served with what is on the disk or could be.
 * @param {any[]} served
 * @param {any[]} catalog
 * @returns {Model[]}
 */
function joined(served, catalog) {
  /** @type {Map<string, Model>} */
  const found = new Map();
  for (const each of served) {
    const model = found.get(each.served_by) ?? { ...blank(each.served_by), endpoints: each.endpoints };
    if (each.id !== each.served_by) model.names.push(each.id);
    Object.assign(model, {
      capabilities: each.capabilities, languages: each.languages, license: each.license,
      quantization: each.quantization, owner: each.owned_by,
    });
    found.set(model.id, model);
  }
  for (const each of catalog) {
    const model = found.get(each.id) ?? { ...blank(each.id), capabilities: each.capabilities };
    Object.assign(model, {
      languages: each.languages, license: each.license, quantization: each.quantization,
      owner: each.owned_by, isInstalled: each.installed, isBuiltIn: each.built_in, isOffered: true,
      neededBy: each.needed_by, bytes: each.bytes, source: each.source ?? "",
    });
    found.set(model.id, model);
  }
  const rank = (/** @type {Model} */ model) => (model.isInstalled ? 0 : model.endpoints.length > 0 ? 1 : 2);
  return [...found.values()].sort((a, b) => rank(a) - rank(b) || a.id.localeCompare(b.id));
}

/**
 * @param {string} modelId
 * @returns {Model}
 */
function blank(modelId) {
  return {
    id: modelId, names: [], capabilities: [], languages: [], license: "", quantization: "", owner: "",
    endpoints: [], isInstalled: false, isBuiltIn: false, isOffered: false, neededBy: [], bytes: null, source: "",
  };
}

/**
 * @param {Model} model
 * @param {any[]} states
 */
function stateBadge(model, states) {
  if (states.some((each) => each.is_loaded)) return badge("in memory", "good");
  if (states.length > 0) return badge("loading", "accent");
  if (model.isInstalled) return badge(model.isBuiltIn ? "built in" : "installed", "accent");
  return badge(model.endpoints.length > 0 ? "at providers" : "not installed");
}

/** @param {Model} model */
function summary(model) {
  const n = model.languages.length;
  const languages = n === 0 ? "" : n === 1 ? languageName(model.languages[0]) : `${n} languages`;
  const where = new Set(model.endpoints.map((place) => place.provider).filter((name) => name !== "local"));
  const places = where.size > 0 ? `at ${[...where].join(", ")}` : "";
  const weight = model.bytes ? size(model.bytes) : "";
  const licence = model.license === "unknown" ? "licence unknown" : model.license;
  return h("span", null, [languages, weight, licence, places].filter(Boolean).join(" · "));
}

/** @param {any} state */
function work(state) {
  const waiting = Object.values(state.n_waiting).reduce((/** @type {number} */ sum, n) => sum + Number(n), 0);
  return facts([
    ["Memory", state.memory_bytes ? size(state.memory_bytes) : ""],
    ["At work", `${count(state.n_running)} of ${count(state.n_workers)}`],
    ["Waiting", count(waiting)],
    ["A newcomer waits", state.estimated_wait_s ? `${state.estimated_wait_s.toFixed(1)} s` : "not at all"],
    ["Done since it was loaded", count(state.n_utterances)],
  ]);
}

/** @param {Model} model */
function details(model) {
  return h(
    "div",
    { class: "stack" },
    facts([
      ["Other names", model.names.filter((name) => !name.includes("/")).join(", ")],
      ["Languages", model.languages.map(languageName).sort().join(", ")],
      ["Runs as", model.quantization],
      ["Licence", model.license],
      ["By", model.owner],
      ["Came from", model.source],
      ["Named by settings", model.neededBy.join(", ")],
    ]),
    model.endpoints.length > 0 &&
      table({
        caption: `Where ${model.id} is served`,
        columns: [
          { label: "Endpoint", cell: (place) => h("code", null, place.id) },
          { label: "Region", cell: (place) => h("span", { class: "row-tight" }, place.region ?? "unknown", place.eu_native && badge("EU", "good")) },
          { label: "Weights", cell: (place) => place.quantization ?? "unknown" },
          { label: "Limits", cell: limits },
          { label: "Tells and heeds", cell: (place) => h("span", { class: "small faint" }, place.details.join(", ").replaceAll("_", " ")) },
        ],
        rows: model.endpoints,
      }),
  );
}

/** @param {any} place */
function limits(place) {
  const told = [
    place.max_file_bytes && `files of ${size(place.max_file_bytes)}`,
    place.max_audio_seconds && `recordings of ${clock(place.max_audio_seconds)}`,
    place.file_types.length > 0 && `only ${place.file_types.join(", ")}`,
  ];
  return h("span", { class: "small" }, told.filter(Boolean).join("; ") || "none stated");
}

/**
 * Pull a model, and show how it goes.
 * @param {string} modelId
 * @param {Context} context
 * @param {{onDone: () => void, onFailure: (error: unknown) => void, onStopped: () => void}} listeners
 */
function startPull(modelId, context, { onDone, onFailure, onStopped }) {
  const stopping = new AbortController();
  const bar = progress(`Pull of ${modelId}`);
  const state = h("p", { class: "small", role: "status" }, "Asking");
  const file = h("p", { class: "small faint clip" });
  let isRunning = true;
  const run = async () => {
    const began = { ms: 0, bytes: 0 };
    try {
      const path = `/v1/models/${pathOf(modelId)}/pull`;
      for await (const event of stream(path, { method: "POST", signal: stopping.signal })) show(event, began);
      isRunning = false;
      onDone();
    } catch (error) {
      isRunning = false;
      if (isCancelled(error) || stopping.signal.aborted) {
        if (!context.signal.aborted) onStopped();
      } else onFailure(error);
    }
  };
  /**
   * @param {any} event
   * @param {{ms: number, bytes: number}} began
   */
  function show(event, began) {
    const words = [STATES[event.state] ?? event.state];
    const total = event.bytes_total;
    bar.set(total ? event.bytes_done / total : null);
    if (total) words.push(`${size(event.bytes_done)} of ${size(total)}`);
    if (event.state === "downloading") {
      if (!began.ms) Object.assign(began, { ms: Date.now(), bytes: event.bytes_done });
      const took = (Date.now() - began.ms) / 1000;
      if (took > 1) words.push(`${size((event.bytes_done - began.bytes) / took)}/s`);
    }
    if (event.source) words.push(`from ${event.source}`);
    state.textContent = words.join(" · ");
    file.textContent = event.message || (event.file ?? "");
  }
  run();
  return {
    node: h("div", { class: "stack-tight pull" }, bar.node, state, file),
    isRunning: () => isRunning,
    stop: () => stopping.abort(),
  };
}

