/**
 * API: the reference, drawn from the server's own description, and what the console just did.
 * @module
 */

import { commandLine, failure, part, searchBox } from "../admin.js";
import { BASE, key, onExchange, recentExchanges, request } from "../api.js";
import { h, replace } from "../dom.js";
import { snippets } from "../snippets.js";
import {
  badge, card, clock, copyButton, emptyState, isCancelled, note, pageHeader, select, spinner, tabs,
} from "../widgets.js";

/** @typedef {import("../app.js").Context} Context */
/** @typedef {import("../api.js").Exchange} Exchange */

export const id = "api";
export const title = "API";

/** Deeper than this, a schema is named and not drawn. */
const DEEPEST = 8;

/** Exchanges, the latest ones. */
const N_SHOWN = 6;

/** In the order in which they are shown. */
const GROUPS = ["Speech", "Live", "Models", "Routing", "Usage and prices", "Accounts", "Server"];

/**
 * @typedef {object} Operation
 * @property {string} method
 * @property {string} path
 * @property {any} told What the description says of it.
 */

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export async function mount(root, context) {
  const place = h("div", null, spinner());
  const recent = h("div", { class: "stack-tight" });
  const draw = () => {
    if (!recent.querySelector("details[open]")) replace(recent, exchangesView());
  };
  draw();
  onExchange(draw, context.signal);
  const base = new URL("v1", BASE).href;
  replace(
    root,
    pageHeader("API", "OpenAI's audio API, and what Loquent adds. Any of OpenAI's clients works with this address as its base."),
    card({ title: "Base address", aside: key() ? "needs a key" : "no key is sent" }, commandLine(base), note(h("p", null,
      "A key goes into the header ", h("code", null, "Authorization: Bearer KEY"),
      ". The examples read it from ", h("code", null, "LOQUENT_API_KEY"), ".",
    ))),
    card({ title: "What the console just did" }, recent),
    place,
  );
  try {
    const document_ = await request("/openapi.json", { signal: context.signal, unrecorded: true });
    replace(place, reference(document_, context));
  } catch (error) {
    if (isCancelled(error)) return;
    replace(place, failure(error, context));
  }
}

/* ------------------------------------------------------ what was just done */

function exchangesView() {
  const exchanges = recentExchanges().slice(0, N_SHOWN);
  if (exchanges.length === 0) {
    return emptyState({
      icon: "code",
      title: "Nothing yet",
      text: "Use another page, and come back: whatever it asked of the server stands here as curl, Python and Node.",
    });
  }
  return exchanges.map((exchange) => {
    const state = exchange.status === 0 ? badge("under way") : badge(String(exchange.status), exchange.status < 400 ? "good" : "bad");
    const node = fold(
      h("span", { class: "row-tight grow" }, method(exchange.method), h("code", { class: "clip" }, exchange.path), state),
      () => snippetTabs(exchange),
      h("span", { class: "faint small" }, exchange.tookMs < 1000 ? `${exchange.tookMs} ms` : clock(exchange.tookMs / 1000, { tenths: true })),
    );
    return node;
  });
}

/**
 * Show an exchange in three languages, to copy.
 * @param {Exchange} exchange
 */
function snippetTabs(exchange) {
  const written = snippets(exchange);
  const item = (/** @type {string} */ name, /** @type {string} */ text) => ({
    id: name,
    label: name,
    content: h("div", { class: "snippet" }, h("pre", { tabindex: "0" }, h("code", null, text)), copyButton(text)),
  });
  return tabs([item("curl", written.curl), item("Python", written.python), item("Node", written.node)], { label: "Languages" });
}

/* -------------------------------------------------------------- reference */

/**
 * @param {any} document_
 * @param {Context} context
 */
function reference(document_, context) {
  const operations = operationsOf(document_);
  const list = h("div", { class: "stack" });
  const told = h("p", { class: "faint small", role: "status" });
  const wanted = { text: "", prefix: "/v1" };
  const prefix = select(
    [{ value: "/v1", label: "/v1" }, { value: "/v0", label: "/v0" }, { value: "", label: "without a prefix" }],
    {
      "aria-label": "Prefix",
      value: wanted.prefix,
      onchange: () => {
        wanted.prefix = prefix.value;
        draw();
      },
    },
  );
  const search = searchBox("Search operations", (text) => {
    wanted.text = text;
    draw();
  });
  function draw() {
    const found = operations.filter((each) => prefixOf(each.path) === wanted.prefix && textOf(each).includes(wanted.text));
    told.textContent = `${found.length} operations`;
    const groups = GROUPS.map((name) => ({ name, members: found.filter((each) => groupOf(each.path) === name) }));
    replace(
      list,
      ...groups.filter(({ members }) => members.length > 0).map(({ name, members }) =>
        part(name, ...members.map((each) => operationView(each, document_, each.path === context.params.get("path")))),
      ),
    );
    if (found.length === 0) replace(list, emptyState({ icon: "search", title: "No operation fits", text: "Search for a part of an address, or of what it does." }));
  }
  draw();
  return h("div", { class: "stack" }, h("h2", { class: "big" }, "Reference"), h("div", { class: "filters" }, search, h("div", { class: "narrow" }, prefix)), told, list);
}

/**
 * @param {any} document_
 * @returns {Operation[]}
 */
function operationsOf(document_) {
  return Object.entries(document_.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([name, told]) => ({ method: name.toUpperCase(), path, told })),
  );
}

/** @param {string} path */
function prefixOf(path) {
  return /^\/v[01](?=\/)/.exec(path)?.[0] ?? "";
}

/** @param {string} path */
function groupOf(path) {
  const [first, second] = path.slice(prefixOf(path).length + 1).split("/");
  const names = /** @type {Record<string, string>} */ ({
    audio: "Speech", speech: "Speech", realtime: "Live", models: "Models", catalog: "Models",
    admin: "Accounts", usage: "Usage and prices", pricing: "Usage and prices", route: "Routing",
  });
  if (first === "audio" && (second === "models" || second === "voices")) return "Models";
  return names[first] ?? "Server";
}

/** @param {Operation} operation */
function textOf({ method: name, path, told }) {
  return `${name} ${path} ${told.summary ?? ""} ${told.description ?? ""}`.toLowerCase();
}

/**
 * @param {Operation} operation
 * @param {any} document_
 * @param {boolean} isOpen
 */
function operationView(operation, document_, isOpen) {
  const { told, path } = operation;
  const head = h("span", { class: "row-tight grow" }, method(operation.method), h("code", null, path));
  const node = fold(head, () => operationBody(operation, document_), h("span", { class: "faint small summary-text" }, firstSentence(told.description ?? told.summary ?? "")));
  node.open = isOpen;
  return node;
}

/** @param {string} text */
function firstSentence(text) {
  return text.split(/(?<=\.)\s/)[0];
}

/**
 * @param {Operation} operation
 * @param {any} document_
 */
function operationBody(operation, document_) {
  const { told } = operation;
  const parameters = told.parameters ?? [];
  const bodies = Object.entries(told.requestBody?.content ?? {});
  const isPublic = Array.isArray(told.security) && told.security.length === 0;
  return h(
    "div",
    { class: "stack" },
    told.description && h("p", null, told.description),
    isPublic && h("p", { class: "faint small" }, "No key is needed."),
    parameters.length > 0 && part("Parameters", properties(parameters.map(parameterOf), document_, 0)),
    bodies.map(([type, content]) => part(`Body: ${type}`, schemaView(/** @type {any} */ (content).schema, document_, 0))),
    part("Answers", ...Object.entries(told.responses).map(([status, answer]) => answerView(status, answer, document_))),
    part("Example", snippetTabs(exampleOf(operation, document_))),
  );
}

/** @param {any} parameter */
function parameterOf(parameter) {
  return {
    name: parameter.name,
    schema: { ...parameter.schema, description: parameter.description ?? parameter.schema?.description },
    isRequired: parameter.required,
    where: parameter.in,
  };
}

/**
 * @param {string} status
 * @param {any} answer
 * @param {any} document_
 */
function answerView(status, answer, document_) {
  const contents = Object.entries(answer.content ?? {}).filter(([, content]) => content.schema && Object.keys(content.schema).length > 0);
  const head = h("span", { class: "row-tight grow" }, badge(status, status < "400" ? "good" : "bad"), h("span", { class: "small" }, answer.description ?? ""));
  if (contents.length === 0) return h("div", { class: "fold-flat" }, head);
  return fold(head, () =>
    h("div", { class: "stack-tight" }, contents.map(([type, content]) => [h("p", { class: "faint small" }, type), schemaView(content.schema, document_, 0)]).flat()),
  );
}

/* ---------------------------------------------------------------- schemas */

/**
 * @param {any} schema
 * @param {any} document_
 * @returns {any}
 */
function resolved(schema, document_) {
  if (!schema?.$ref) return schema ?? {};
  const name = schema.$ref.split("/").pop();
  return { title: name, ...document_.components?.schemas?.[name] };
}

/**
 * Name the type of a value, as briefly as it can be.
 * @param {any} schema
 * @param {any} document_
 * @returns {string}
 */
function typeOf(schema, document_) {
  const own = resolved(schema, document_);
  const variants = own.anyOf ?? own.oneOf;
  if (variants) return [...new Set(variants.map((/** @type {any} */ each) => typeOf(each, document_)))].join(" or ");
  if (own.const !== undefined) return JSON.stringify(own.const);
  if (own.enum) return own.enum.map((/** @type {unknown} */ each) => JSON.stringify(each)).join(", ");
  if (own.type === "array") return `list of ${typeOf(own.items ?? {}, document_)}`;
  if (own.type === "object" || own.properties) return own.title ?? "object";
  if (own.format === "binary") return "file";
  return own.type ?? "any";
}

/**
 * Return the schemas with properties of their own inside one.
 * @param {any} schema
 * @param {any} document_
 * @returns {any[]}
 */
function objectsIn(schema, document_) {
  const own = resolved(schema, document_);
  if (own.properties) return [own];
  if (own.items) return objectsIn(own.items, document_);
  if (own.additionalProperties && typeof own.additionalProperties === "object") return objectsIn(own.additionalProperties, document_);
  return (own.anyOf ?? own.oneOf ?? own.allOf ?? []).flatMap((/** @type {any} */ each) => objectsIn(each, document_));
}

/**
 * @param {any} schema
 * @param {any} document_
 * @param {number} depth
 * @returns {HTMLElement}
 */
function schemaView(schema, document_, depth) {
  const objects = objectsIn(schema, document_);
  const own = resolved(schema, document_);
  if (objects.length === 0 || depth > DEEPEST) return h("p", { class: "small" }, h("code", null, typeOf(own, document_)));
  return h(
    "div",
    { class: "stack-tight" },
    objects.map((each) =>
      h(
        "div",
        { class: "stack-tight" },
        objects.length > 1 && h("p", { class: "strong small" }, each.title ?? "object"),
        each.description && depth > 0 && h("p", { class: "faint small" }, each.description),
        properties(
          Object.entries(each.properties).map(([name, property]) => ({
            name, schema: property, isRequired: each.required?.includes(name) ?? false, where: "",
          })),
          document_,
          depth,
        ),
      ),
    ),
  );
}

/**
 * @param {{name: string, schema: any, isRequired: boolean, where: string}[]} rows
 * @param {any} document_
 * @param {number} depth
 */
function properties(rows, document_, depth) {
  return h(
    "dl",
    { class: "properties" },
    rows.map(({ name, schema, isRequired, where }) => {
      const own = resolved(schema, document_);
      const words = [where && `in the ${where}`, own.default !== undefined && own.default !== null && `default ${JSON.stringify(own.default)}`, ...ends(own)];
      const hasMore = objectsIn(schema, document_).length > 0;
      return h(
        "div",
        { class: "property" },
        h("dt", null, h("code", null, name), isRequired && badge("required", "accent")),
        h(
          "dd",
          null,
          h("span", { class: "type" }, typeOf(schema, document_)),
          words.filter(Boolean).length > 0 && h("span", { class: "faint" }, ` ${words.filter(Boolean).join(", ")}`),
          own.description && !hasMore && h("p", { class: "small faint" }, own.description),
          hasMore && depth < DEEPEST && fold(h("span", { class: "small" }, "its fields"), () => schemaView(schema, document_, depth + 1)),
        ),
      );
    }),
  );
}

/** @param {any} schema */
function ends(schema) {
  return [
    schema.minimum !== undefined && `at least ${schema.minimum}`,
    schema.maximum !== undefined && `at most ${schema.maximum}`,
    schema.maxLength !== undefined && `up to ${schema.maxLength} characters`,
  ];
}

/* --------------------------------------------------------------- examples */

/** Values that say more than a bare type. */
const EXAMPLES = /** @type {Record<string, any>} */ ({
  model: "whisper-1", input: "Hello there.", voice: "alloy", name: "kiosk", id: "whisper-base",
  key_id: "KEY_ID", project_id: "PROJECT_ID", organisation_id: "ORGANISATION_ID", file: { file: "talk.mp3" },
});

/**
 * Make up a request of an operation, with all that has to be in it.
 * @param {Operation} operation
 * @param {any} document_
 * @returns {Exchange}
 */
function exampleOf({ method: name, path, told }, document_) {
  const [type, content] = Object.entries(told.requestBody?.content ?? {})[0] ?? ["", null];
  const body = content ? resolved(/** @type {any} */ (content).schema, document_) : null;
  const schema = body && (objectsIn(body, document_)[0] ?? body);
  const needed = Object.entries(schema?.properties ?? {}).filter(([each]) => schema.required?.includes(each) || (each === "voice"));
  const pairs = /** @type {[string, any][]} */ (needed.map(([each, property]) => [each, exampleValue(each, property, document_)]));
  const isForm = type.startsWith("multipart");
  const streams = Object.keys(told.responses["200"]?.content ?? {}).join() === "text/event-stream";
  if (path.endsWith("/audio/speech") || path.endsWith("/captions")) pairs.forEach((pair) => { if (pair[0] === "model") pair[1] = "tts-1"; });
  if (isForm) pairs.sort(([a], [b]) => Number(a === "model") - Number(b === "model"));
  return {
    method: name,
    path: path.replace(/\{(\w+)\}/g, (_, each) => EXAMPLES[each] ?? each.toUpperCase()),
    json: body && !isForm ? Object.fromEntries(pairs) : undefined,
    form: isForm ? pairs : null,
    isStream: streams,
    at: new Date(),
    status: 200,
    tookMs: 0,
  };
}

/**
 * @param {string} name
 * @param {any} schema
 * @param {any} document_
 */
function exampleValue(name, schema, document_) {
  if (name in EXAMPLES) return EXAMPLES[name];
  const own = resolved(schema, document_);
  const first = own.anyOf?.[0] ? resolved(own.anyOf[0], document_) : own;
  if (first.enum) return first.enum[0];
  if (first.default !== undefined) return first.default;
  return { integer: 1, number: 1, boolean: true, array: [], object: {} }[/** @type {string} */ (first.type)] ?? "…";
}

/* ---------------------------------------------------------------- details */

/** @param {string} name */
function method(name) {
  return h("span", { class: `method method-${name.toLowerCase()}` }, name);
}

/**
 * Fold something away; it is made when it is first opened.
 * @param {Node} head
 * @param {() => Node} make
 * @param {Node | null} [aside]
 */
function fold(head, make, aside = null) {
  const body = h("div", { class: "fold-body" });
  const node = h(
    "details",
    {
      class: "fold",
      ontoggle: () => {
        if (node.open && body.childNodes.length === 0) body.append(make());
      },
    },
    h("summary", null, head, aside),
    body,
  );
  return node;
}

