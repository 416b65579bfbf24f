/**
 * Keys: who may ask for what, and how much of it; projects and organisations; what was done.
 * @module
 */

import {
  badges, commandLine, count, dayOf, facts, failure, formDialog, isRefusal, keyHelp, meter, moment,
  money, part, pathOf, searchBox,
} from "../admin.js";
import { request } from "../api.js";
import { h, replace } from "../dom.js";
import {
  ask, badge, button, card, checkbox, copyButton, disclosure, emptyState, errorBanner, field, input,
  isCancelled, pageHeader, select, spinner, table, tabs, toast,
} from "../widgets.js";

/** @typedef {import("../app.js").Context} Context */

export const id = "keys";
export const title = "Keys";

const SCOPES = [
  { value: "inference", label: "inference: transcribe, translate, speak, listen" },
  { value: "usage", label: "usage: read what was used" },
  { value: "admin", label: "admin: make and end keys" },
];

const REACHES = [
  { value: "project", label: "its project" },
  { value: "organisation", label: "its organisation" },
  { value: "server", label: "the whole server" },
];

/** @type {[name: string, label: string][]} */
const LIMITS = [
  ["requests_per_minute", "Requests a minute"],
  ["audio_seconds_per_minute", "Seconds of audio a minute"],
  ["characters_per_minute", "Characters spoken a minute"],
  ["concurrent_requests", "Requests at the same time"],
  ["concurrent_sessions", "Live sessions at the same time"],
];

/** @type {Record<string, "good" | "warn" | "bad" | "plain">} */
const TONES = { open: "good", rotating: "warn", expired: "bad", revoked: "bad", closed: "bad" };

/**
 * @typedef {object} Books
 * @property {any[]} keys
 * @property {any[]} projects
 * @property {any[]} organisations
 */

/**
 * @param {HTMLElement} root
 * @param {Context} context
 */
export async function mount(root, context) {
  const body = h("div", { class: "stack" }, spinner());
  /** @type {Books} */
  let books = { keys: [], projects: [], organisations: [] };
  let view = context.params.get("view") ?? "keys";

  async function load() {
    try {
      books = await booksOf(context);
      replace(body, views());
    } catch (error) {
      if (isCancelled(error)) return;
      replace(body, refused(/** @type {any} */ (error), context));
    }
  }

  function views() {
    const act = { books, context, load };
    return tabs(
      [
        { id: "keys", label: `Keys (${books.keys.filter(isLive).length})`, content: () => keysView(act) },
        { id: "projects", label: `Projects (${open(books.projects).length})`, content: () => projectsView(act) },
        { id: "organisations", label: `Organisations (${open(books.organisations).length})`, content: () => organisationsView(act) },
        { id: "audit", label: "Audit", content: () => auditView(context) },
      ],
      { label: "Accounts", selected: view, onChange: (chosen) => { view = chosen; } },
    );
  }

  replace(
    root,
    pageHeader("Keys", "Who may ask for what, and how much of it. A key is shown once, when it is made; nobody can read it back."),
    body,
  );
  await load();
}

/** @typedef {{books: Books, context: Context, load: () => Promise<void>}} Act */

/**
 * Read the books, with what is spent of each budget.
 * @param {Context} context
 * @returns {Promise<Books>}
 */
async function booksOf(context) {
  const list = async (/** @type {string} */ kind) => {
    const { data } = await request(`/v1/admin/${kind}`, { signal: context.signal });
    const each = data.map(async (/** @type {any} */ account) => {
      if (!account.budget || account.closed_at || account.revoked_at) return account;
      return request(`/v1/admin/${kind}/${pathOf(account.id)}`, { signal: context.signal, unrecorded: true });
    });
    return Promise.all(each);
  };
  const keys = await list("keys");
  // Who reaches no further than a project may not see the organisation.
  const [projects, organisations] = await Promise.all(["projects", "organisations"].map((kind) => list(kind).catch(unlessRefused)));
  return { keys, projects, organisations };
}

/**
 * @param {any} error
 * @returns {any[]}
 */
function unlessRefused(error) {
  if (isRefusal(error) || error?.status === 404) return [];
  throw error;
}

/**
 * @param {any} error
 * @param {Context} context
 */
function refused(error, context) {
  if (error?.status === 404) {
    return card({}, emptyState({ icon: "key", title: "There are no accounts here", text: error.message }));
  }
  if (!isRefusal(error)) return failure(error, context);
  return card(
    {},
    emptyState({
      icon: "key",
      title: "Keys are managed with a key",
      text: "It needs the scope admin. As long as no key was ever made, a server that only this machine reaches lets everybody transcribe, but nobody manage it.",
    }),
    keyHelp("On the machine where Loquent runs, make the first one:", context),
  );
}

/** @param {any} key */
function isLive(key) {
  return key.state === "open" || key.state === "rotating";
}

/** @param {any[]} accounts */
function open(accounts) {
  return accounts.filter((account) => !account.closed_at);
}

/* ----------------------------------------------------------------- keys */

/** @param {Act} act */
function keysView(act) {
  const { books } = act;
  let text = "";
  const ended = checkbox("Show those that have ended", { onchange: draw });
  const place = h("div", { class: "stack" });
  function draw() {
    const showsAll = /** @type {HTMLInputElement} */ (ended.querySelector("input")).checked;
    const rows = books.keys.filter(
      (key) => (showsAll || isLive(key)) && `${key.name} ${key.id}`.toLowerCase().includes(text),
    );
    replace(
      place,
      table({
        caption: "Keys",
        rows,
        columns: [
          { label: "Key", cell: keyCell, sortBy: (key) => key.name },
          { label: "Project", cell: (key) => nameIn(books.projects, key.project_id), sortBy: (key) => nameIn(books.projects, key.project_id) },
          { label: "Good for", cell: (key) => h("span", { class: "stack-tight" }, badges(key.scopes), key.reach !== "project" && h("span", { class: "small faint" }, `reach: ${key.reach}`)) },
          { label: "Bounds", cell: bounds },
          { label: "Budget", cell: budget },
          { label: "State", cell: stateCell, sortBy: (key) => key.state },
          { label: "Actions", cell: (key) => keyActions(key, act) },
        ],
        empty: books.keys.length === 0
          ? emptyState({ icon: "key", title: "No key was made yet", text: "From the first key on, this server asks everybody for one." })
          : emptyState({ icon: "search", title: "No key fits", text: "Search for less, or show those that have ended." }),
      }),
    );
  }
  draw();
  return h(
    "div",
    { class: "stack" },
    h(
      "div",
      { class: "filters" },
      searchBox("Search keys", (typed) => {
        text = typed;
        draw();
      }),
      ended,
      h("span", { class: "grow" }),
      button("New key", { kind: "primary", icon: "plus", onclick: () => createKey(act) }),
    ),
    place,
  );
}

/** @param {any} key */
function keyCell(key) {
  return h("span", { class: "stack-tight" }, h("span", { class: "strong" }, key.name), h("code", { class: "small" }, `lq_${key.id}_…`));
}

/** @param {any} key */
function stateCell(key) {
  const ends = key.rotating_until ? `old secret until ${moment(key.rotating_until)}` : key.expires_at ? `until ${dayOf(key.expires_at)}` : "";
  const ended = key.revoked_at ? `since ${dayOf(key.revoked_at)}` : "";
  return h("span", { class: "stack-tight" }, badge(key.state, TONES[key.state] ?? "plain"), h("span", { class: "small faint" }, ended || ends));
}

/** @param {any} account */
function bounds(account) {
  const told = [
    account.models && `models: ${account.models.join(", ")}`,
    account.allowed_providers && `providers: ${account.allowed_providers.join(", ")}`,
    account.eu_native && "only in the EU",
    account.allow_quantization === false && "no quantised weights",
    ...LIMITS.map(([name, label]) => account.limits[name] !== null && `${count(account.limits[name])} ${label.toLowerCase()}`),
  ].filter(Boolean);
  if (told.length === 0) return h("span", { class: "faint small" }, "none of its own");
  return h("span", { class: "stack-tight small" }, told.map((line) => h("span", null, line)));
}

/** @param {any} account */
function budget(account) {
  const own = account.budget;
  if (!own) return h("span", { class: "faint small" }, "none");
  const end = own.hard ?? own.soft;
  const period = own.period === "total" ? "in all" : `a ${own.period}`;
  if (own.spent === null) return h("span", { class: "small" }, `${money(end, own.currency)} ${period}`);
  const words = `${money(own.spent, own.currency)} of ${money(end, own.currency)} ${period}`;
  return h(
    "span",
    { class: "stack-tight small budget" },
    meter(`Spent of the budget of ${account.name}`, Number(own.spent) / Number(end)),
    h("span", null, words),
    own.remaining !== null && h("span", { class: "faint" }, `${money(own.remaining, own.currency)} left`),
  );
}

/**
 * @param {any} key
 * @param {Act} act
 */
function keyActions(key, act) {
  if (!isLive(key)) return null;
  return h(
    "span",
    { class: "row-tight nowrap" },
    button("Rotate", { kind: "quiet", small: true, "aria-label": `Rotate ${key.name}`, onclick: () => rotateKey(key, act) }),
    button("Revoke", { kind: "danger", small: true, "aria-label": `Revoke ${key.name}`, onclick: () => revokeKey(key, act) }),
  );
}

/** @param {Act} act */
async function createKey(act) {
  const name = input({ required: true, maxlength: 200, placeholder: "kiosk" });
  const project = select([
    { value: "", label: "that of the key I use" },
    ...open(act.books.projects).map((each) => ({ value: each.id, label: each.name })),
  ]);
  const scopes = SCOPES.map(({ value, label }) => checkbox(label, { value, checked: value === "inference" }));
  const reach = select(REACHES, { value: "project" });
  const expires = input({ type: "date" });
  const terms = termsFields();
  /** @type {any} */
  let made = null;
  const isMade = await formDialog({
    title: "New key",
    confirm: "Make the key",
    wide: true,
    body: [
      h("div", { class: "grid" }, field("Name", name), field("Project", project), field("Ends on", expires, { hint: "Empty: never." })),
      h("fieldset", { class: "checks" }, h("legend", null, "Good for"), scopes),
      field("Usage and keys of", reach, { hint: "How far the scopes usage and admin reach." }),
      disclosure("Models, providers, limits and a budget", terms.node),
    ],
    submit: async () => {
      const chosen = scopes.map((each) => /** @type {HTMLInputElement} */ (each.querySelector("input")));
      made = await request("/v1/admin/keys", {
        json: without({
          name: name.value.trim(),
          project_id: project.value || undefined,
          scopes: chosen.filter((box) => box.checked).map((box) => box.value),
          reach: reach.value,
          expires_at: expires.value || undefined,
          ...terms.value(),
        }),
        unrecorded: true,
      });
    },
  });
  if (!isMade) return;
  await showSecret(made, "The key is made");
  await act.load();
}

/**
 * Show a secret, once.
 * @param {any} made
 * @param {string} heading
 */
async function showSecret(made, heading) {
  const shown = input({ value: made.key, readonly: true, class: "control mono", onfocus: () => shown.select() });
  await ask({
    title: heading,
    body: h(
      "div",
      { class: "stack" },
      h("p", null, "This is all of it, and it is shown this once. Keep it where secrets are kept."),
      h("div", { class: "row" }, h("div", { class: "grow" }, field(`Key ${made.name}`, shown)), copyButton(made.key, { small: false })),
      h("p", { class: "faint small" }, "Callers send it as Authorization: Bearer KEY. For the command and the client library:"),
      commandLine("export LOQUENT_API_KEY=…"),
    ),
    confirm: "I have kept it",
    cancel: "",
  });
}

/**
 * @param {any} key
 * @param {Act} act
 */
async function rotateKey(key, act) {
  const overlap = select(
    [
      { value: "0", label: "not at all" },
      { value: "3600", label: "for an hour" },
      { value: "86400", label: "for a day" },
      { value: "604800", label: "for a week" },
      { value: "2592000", label: "for 30 days" },
    ],
    { value: "86400" },
  );
  /** @type {any} */
  let made = null;
  const isDone = await formDialog({
    title: `Rotate ${key.name}?`,
    confirm: "Rotate",
    body: [h("p", null, "It gets another secret; its id, rights and budget stay."), field("The present secret still opens", overlap)],
    submit: async () => {
      made = await request(`/v1/admin/keys/${pathOf(key.id)}/rotate`, { json: { overlap_seconds: Number(overlap.value) }, unrecorded: true });
    },
  });
  if (!isDone) return;
  await showSecret(made, "The key has another secret");
  await act.load();
}

/**
 * @param {any} key
 * @param {Act} act
 */
async function revokeKey(key, act) {
  const children = act.books.keys.filter((each) => each.parent_id === key.id && isLive(each));
  const keep = checkbox(`Keep the ${children.length} keys that it made`);
  const isDone = await formDialog({
    title: `Revoke ${key.name}?`,
    confirm: "Revoke",
    kind: "danger",
    body: [
      h("p", null, "It ends for good, within a second, wherever it is used. Usage keeps its name."),
      children.length > 0 && keep,
    ],
    submit: async () => {
      const keepsChildren = /** @type {HTMLInputElement} */ (keep.querySelector("input")).checked;
      await request(`/v1/admin/keys/${pathOf(key.id)}`, { method: "DELETE", query: { keep_children: keepsChildren } });
    },
  });
  if (!isDone) return;
  toast(`${key.name} is revoked.`, "good");
  await act.load();
}

/* ------------------------------------------------ projects, organisations */

/** @param {Act} act */
function projectsView(act) {
  const { books } = act;
  return h(
    "div",
    { class: "stack" },
    h("div", { class: "actions actions-end" }, button("New project", { kind: "primary", icon: "plus", onclick: () => createProject(act) })),
    table({
      caption: "Projects",
      rows: open(books.projects),
      columns: [
        { label: "Project", cell: accountCell, sortBy: (each) => each.name },
        { label: "Organisation", cell: (each) => nameIn(books.organisations, each.organisation_id) },
        { label: "Keys", isNumber: true, cell: (each) => count(books.keys.filter((key) => key.project_id === each.id && isLive(key)).length) },
        { label: "Bounds", cell: bounds },
        { label: "Budget", cell: budget },
        { label: "Personal data", cell: (each) => (each.retention_days ? `kept ${each.retention_days} days` : "kept") },
        {
          label: "Actions",
          cell: (each) =>
            h(
              "span",
              { class: "row-tight nowrap" },
              button("Erase", { kind: "quiet", small: true, "aria-label": `Erase personal data of ${each.name}`, onclick: () => erase(each, act) }),
              button("Close", { kind: "danger", small: true, "aria-label": `Close ${each.name}`, onclick: () => close("projects", each, act) }),
            ),
        },
      ],
      empty: emptyState({ icon: "people", title: "No project", text: "Keys belong to projects, so that limits and a budget can be shared and usage be billed." }),
    }),
  );
}

/** @param {Act} act */
function organisationsView(act) {
  return h(
    "div",
    { class: "stack" },
    h("div", { class: "actions actions-end" }, button("New organisation", { kind: "primary", icon: "plus", onclick: () => createOrganisation(act) })),
    table({
      caption: "Organisations",
      rows: open(act.books.organisations),
      columns: [
        { label: "Organisation", cell: accountCell, sortBy: (each) => each.name },
        { label: "Projects", isNumber: true, cell: (each) => count(open(act.books.projects).filter((project) => project.organisation_id === each.id).length) },
        { label: "Bounds", cell: bounds },
        { label: "Budget", cell: budget },
        { label: "Since", cell: (each) => dayOf(each.created_at), sortBy: (each) => each.created_at },
        { label: "Actions", cell: (each) => button("Close", { kind: "danger", small: true, "aria-label": `Close ${each.name}`, onclick: () => close("organisations", each, act) }) },
      ],
      empty: emptyState({ icon: "people", title: "None that this key administers", text: "Organisations need a key whose reach is the whole server." }),
    }),
  );
}

/** @param {any} each */
function accountCell(each) {
  return h("span", { class: "stack-tight" }, h("span", { class: "strong" }, each.name), h("code", { class: "small" }, each.id));
}

/** @param {Act} act */
async function createProject(act) {
  const name = input({ required: true, maxlength: 200, placeholder: "lobby" });
  const organisation = select([
    { value: "", label: "that of the key I use" },
    ...open(act.books.organisations).map((each) => ({ value: each.id, label: each.name })),
  ]);
  const days = input({ type: "number", min: 1, placeholder: "for ever" });
  const terms = termsFields();
  const isDone = await formDialog({
    title: "New project",
    confirm: "Make the project",
    wide: true,
    body: [
      h("div", { class: "grid" }, field("Name", name), field("Organisation", organisation), field("Days to keep personal data", days, { hint: "Then request ids, keys and names that were asked for are erased from its usage." })),
      disclosure("Models, providers, limits and a budget", terms.node),
    ],
    submit: async () => {
      await request("/v1/admin/projects", {
        json: without({
          name: name.value.trim(), organisation_id: organisation.value || undefined,
          retention_days: Number(days.value) || undefined, ...terms.value(),
        }),
      });
    },
  });
  if (isDone) await act.load();
}

/** @param {Act} act */
async function createOrganisation(act) {
  const name = input({ required: true, maxlength: 200, placeholder: "Example Ltd" });
  const terms = termsFields();
  const isDone = await formDialog({
    title: "New organisation",
    confirm: "Make the organisation",
    wide: true,
    body: [field("Name", name), disclosure("Models, providers, limits and a budget", terms.node)],
    submit: async () => {
      await request("/v1/admin/organisations", { json: without({ name: name.value.trim(), ...terms.value() }) });
    },
  });
  if (isDone) await act.load();
}

/**
 * @param {"projects" | "organisations"} kind
 * @param {any} account
 * @param {Act} act
 */
async function close(kind, account, act) {
  const whole = kind === "projects" ? "All of its keys end." : "All of its projects are closed, and their keys end.";
  const isDone = await formDialog({
    title: `Close ${account.name}?`,
    confirm: "Close",
    kind: "danger",
    body: [h("p", null, `${whole} This cannot be undone; usage keeps its id.`)],
    submit: async () => {
      await request(`/v1/admin/${kind}/${pathOf(account.id)}`, { method: "DELETE" });
    },
  });
  if (!isDone) return;
  toast(`${account.name} is closed.`, "good");
  await act.load();
}

/**
 * @param {any} project
 * @param {Act} act
 */
async function erase(project, act) {
  await formDialog({
    title: `Erase personal data of ${project.name}?`,
    confirm: "Erase",
    kind: "danger",
    body: [h("p", null, "Request ids, keys and names that were asked for are erased from the usage of this project, for good. Its sums stay.")],
    submit: async () => {
      const told = await request(`/v1/admin/projects/${pathOf(project.id)}/personal-data`, { method: "DELETE" });
      toast(`Erased from ${count(told.rows)} rows.`, "good");
    },
  });
  await act.load();
}

/* ---------------------------------------------------------------- terms */

/** Ask for what an account may do, and how much. */
function termsFields() {
  const models = input({ placeholder: "all" });
  const providers = input({ placeholder: "all" });
  const eu = checkbox("Only providers based in the EU");
  const exact = checkbox("No quantised weights");
  const limits = LIMITS.map(([name, label]) => ({ name, label, node: input({ type: "number", min: 1, placeholder: "any" }) }));
  const period = select(["day", "week", "month", "total"], { value: "month" });
  const hard = input({ inputmode: "decimal", placeholder: "any" });
  const soft = input({ inputmode: "decimal", placeholder: "none" });
  const node = h(
    "div",
    { class: "stack" },
    h("div", { class: "grid" }, field("Only these models", models, { hint: "Names with commas." }), field("Only these providers", providers, { hint: "Such as local, groq." })),
    h("div", { class: "row" }, eu, exact),
    part("Limits", h("div", { class: "grid" }, limits.map((each) => field(each.label, each.node)))),
    part("Budget", h("div", { class: "grid" }, field("Period", period), field("Nothing beyond", hard), field("Warn beyond", soft))),
  );
  const isOn = (/** @type {HTMLElement} */ box) => /** @type {HTMLInputElement} */ (box.querySelector("input")).checked;
  const value = () => {
    const given = limits.filter((each) => each.node.value).map((each) => [each.name, Number(each.node.value)]);
    const hasBudget = hard.value.trim() || soft.value.trim();
    return {
      models: words(models.value),
      allowed_providers: words(providers.value),
      eu_native: isOn(eu) || undefined,
      allow_quantization: isOn(exact) ? false : undefined,
      limits: given.length > 0 ? Object.fromEntries(given) : undefined,
      budget: hasBudget
        ? without({ period: period.value, hard: hard.value.trim() || undefined, soft: soft.value.trim() || undefined })
        : undefined,
    };
  };
  return { node, value };
}

/** @param {string} text */
function words(text) {
  const found = text.split(",").map((word) => word.trim()).filter(Boolean);
  return found.length > 0 ? found : undefined;
}

/**
 * Leave out what is undefined.
 * @param {Record<string, unknown>} fields
 */
function without(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/**
 * @param {any[]} accounts
 * @param {string} accountId
 */
function nameIn(accounts, accountId) {
  return accounts.find((account) => account.id === accountId)?.name ?? accountId;
}

/* ---------------------------------------------------------------- audit */

/** @param {Context} context */
function auditView(context) {
  const place = h("div", { class: "stack" }, spinner());
  /** @type {any[]} */
  let acts = [];
  async function load(/** @type {string | undefined} */ before) {
    try {
      const page = await request("/v1/admin/audit", { query: { before, limit: 50 }, signal: context.signal });
      acts = [...acts, ...page.data];
      replace(
        place,
        table({
          caption: "What administrators did, the latest first",
          rows: acts,
          columns: [
            { label: "When", cell: (each) => moment(each.at) },
            { label: "Who", cell: (each) => h("code", null, each.actor) },
            { label: "Did", cell: (each) => each.action.replaceAll(".", " ").replaceAll("_", " ") },
            { label: "To", cell: (each) => h("code", null, each.subject) },
            { label: "Details", cell: (each) => facts(Object.entries(each.details).map(([name, value]) => [name.replaceAll("_", " "), String(value)])) },
          ],
          empty: emptyState({ icon: "info", title: "Nothing was done yet", text: "Whatever is changed about keys, projects and organisations stands here, with who changed it." }),
        }),
        page.next && h("div", { class: "actions" }, button("Older ones", { onclick: () => load(page.next) })),
      );
    } catch (error) {
      if (!isCancelled(error)) replace(place, errorBanner(error));
    }
  }
  load(undefined);
  return place;
}
