/**
 * Keys: who may ask for what, and how much of it; projects and organisations; what was done.
 * @module
 */

import {
  badges, count, dayOf, facts, failure, formDialog, isRefusal, keyHelp, meter, moment, money, pathOf,
  searchBox,
} from "../admin.js";
import { request } from "../api.js";
import { h, replace } from "../dom.js";
import { createKey, editKey, isLive, revokeKey, rotateKey } from "../key-dialogs.js";
import { LIMITS, isTicked, termsFields } from "../terms.js";
import {
  badge, button, card, checkbox, emptyState, errorBanner, field, input, isCancelled, pageHeader,
  select, spinner, table, tabs, toast,
} from "../widgets.js";

/** @typedef {import("../app.js").Context} Context */

export const id = "keys";
export const title = "Keys";

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
  const shown = { text: "", withEnded: false };

  async function load() {
    try {
      books = await booksOf(context);
      const at = actAt(body);
      replace(body, views());
      if (at !== null) focusAct(body, at);
    } catch (error) {
      if (isCancelled(error)) return;
      replace(body, refused(/** @type {any} */ (error), context));
    }
  }

  function views() {
    const act = { books, context, load, shown };
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

/**
 * What the views and dialogs act on.
 * @typedef {object} Act
 * @property {Books} books
 * @property {Context} context
 * @property {() => Promise<void>} load Read the books again.
 * @property {{text: string, withEnded: boolean}} shown Which keys a person looks at.
 */

/**
 * Return which button has the focus, "" for another place in `body`, null for one outside.
 * @param {HTMLElement} body
 */
function actAt(body) {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  return body.contains(focused) ? (focused?.dataset.act ?? "") : null;
}

/**
 * Give the focus to the button that had it, or to the view where that is gone.
 * @param {HTMLElement} body
 * @param {string} act
 */
function focusAct(body, act) {
  const buttons = /** @type {HTMLElement[]} */ ([...body.querySelectorAll("[data-act]")]);
  const view = /** @type {HTMLElement | null} */ (body.querySelector('[role="tab"][aria-selected="true"]'));
  (buttons.find((each) => each.dataset.act === act) ?? view)?.focus();
}

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

/** @param {any[]} accounts */
function open(accounts) {
  return accounts.filter((account) => !account.closed_at);
}

/* ----------------------------------------------------------------- keys */

/** @param {Act} act */
function keysView(act) {
  const { books, shown } = act;
  const ended = checkbox("Show those that have ended", { onchange: draw, checked: shown.withEnded });
  const place = h("div", { class: "stack" });
  function draw() {
    shown.withEnded = isTicked(ended);
    const rows = books.keys.filter(
      (key) => (shown.withEnded || isLive(key)) && `${key.name} ${key.id}`.toLowerCase().includes(shown.text),
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
        shown.text = typed;
        draw();
      }, shown.text),
      ended,
      h("span", { class: "grow" }),
      button("New key", { kind: "primary", icon: "plus", dataset: { act: "new" }, onclick: () => createKey(act) }),
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
  if (!isLive(key) && key.state !== "expired") return null;
  const small = (/** @type {string} */ verb, /** @type {any} */ kind, /** @type {typeof editKey} */ begin) =>
    button(verb, {
      kind, small: true, "aria-label": `${verb} ${key.name}`, dataset: { act: `${verb} ${key.id}` },
      onclick: () => begin(key, act),
    });
  return h(
    "span",
    { class: "row-tight nowrap" },
    small("Edit", "quiet", editKey),
    isLive(key) && small("Rotate", "quiet", rotateKey),
    small("Revoke", "danger", revokeKey),
  );
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
  const name = input({ name: "name", required: true, maxlength: 200, placeholder: "lobby" });
  const organisation = select([
    { value: "", label: "that of the key I use" },
    ...open(act.books.organisations).map((each) => ({ value: each.id, label: each.name })),
  ]);
  const days = input({ name: "retention_days", type: "number", min: 1, placeholder: "for ever" });
  const terms = termsFields();
  const isDone = await formDialog({
    title: "New project",
    confirm: "Make the project",
    wide: true,
    body: [
      h("div", { class: "grid" }, field("Name", name), field("Organisation", organisation), field("Days to keep personal data", days, { hint: "Then request ids, keys and names that were asked for are erased from its usage." })),
      terms.node,
    ],
    submit: async () => {
      await request("/v1/admin/projects", {
        json: {
          name: name.value.trim(), organisation_id: organisation.value || null,
          retention_days: Number(days.value) || null, ...terms.changes(),
        },
      });
    },
  });
  if (isDone) await act.load();
}

/** @param {Act} act */
async function createOrganisation(act) {
  const name = input({ name: "name", required: true, maxlength: 200, placeholder: "Example Ltd" });
  const terms = termsFields();
  const isDone = await formDialog({
    title: "New organisation",
    confirm: "Make the organisation",
    wide: true,
    body: [field("Name", name), terms.node],
    submit: async () => {
      await request("/v1/admin/organisations", { json: { name: name.value.trim(), ...terms.changes() } });
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
