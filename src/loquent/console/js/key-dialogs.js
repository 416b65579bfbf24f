/**
 * Makes, changes, rotates and revokes keys, each in a dialog of its own; lists none.
 * @module
 */

import { commandLine, formDialog, pathOf } from "./admin.js";
import { request } from "./api.js";
import { h } from "./dom.js";
import { changed, isTicked, termsFields } from "./terms.js";
import { ask, checkbox, copyButton, field, input, select, toast } from "./widgets.js";

/** @typedef {import("./pages/keys.js").Act} Act */

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

/** Tell whether a key opens anything. */
export function isLive(/** @type {any} */ key) {
  return key.state === "open" || key.state === "rotating";
}

/**
 * Ask for what a new key and an old one have in common.
 * @param {any} [key] What stands there at first.
 */
function keyFields(key) {
  const name = input({ name: "name", required: true, maxlength: 200, placeholder: "kiosk", value: key?.name ?? "" });
  const scopes = SCOPES.map(({ value, label }) =>
    checkbox(label, { name: "scopes", value, checked: key ? key.scopes.includes(value) : value === "inference" }),
  );
  const reach = select(REACHES, { name: "reach", value: key?.reach ?? "project" });
  const expires = input({ name: "expires_at", type: "date", value: key?.expires_at?.slice(0, 10) ?? "" });
  const terms = termsFields(key);
  const values = () => ({
    name: name.value.trim(),
    scopes: scopes.filter(isTicked).map((box) => /** @type {HTMLInputElement} */ (box.querySelector("input")).value),
    reach: reach.value,
    expires_at: expires.value || null,
  });
  const before = values();
  return {
    name: field("Name", name),
    expires: field("Ends on", expires, { hint: "When that day begins, UTC. Empty: never." }),
    rest: [
      h("fieldset", { class: "checks" }, h("legend", null, "Good for"), scopes),
      field("Usage and keys of", reach, { hint: "How far the scopes usage and admin reach." }),
      terms.node,
    ],
    /** Return all that a new key is made of. */
    all: () => ({ ...values(), ...terms.changes() }),
    /** Return what differs from how it stood at first. */
    changes: () => ({ ...changed(before, values()), ...terms.changes() }),
  };
}

/**
 * Make a key.
 * @param {Act} act
 */
export async function createKey(act) {
  const project = select(
    [
      { value: "", label: "that of the key I use" },
      ...act.books.projects.filter((each) => !each.closed_at).map((each) => ({ value: each.id, label: each.name })),
    ],
    { name: "project_id" },
  );
  const fields = keyFields();
  /** @type {any} */
  let made = null;
  const isMade = await formDialog({
    title: "New key",
    confirm: "Make the key",
    wide: true,
    body: [h("div", { class: "grid" }, fields.name, field("Project", project), fields.expires), ...fields.rest],
    submit: async () => {
      made = await request("/v1/admin/keys", { json: { ...fields.all(), project_id: project.value || null }, unrecorded: true });
    },
  });
  if (!isMade) return;
  await showSecret(made, "The key is made");
  await act.load();
}

/**
 * Change a key: what is left as it is is not sent, so that nothing is undone that others change.
 * @param {any} key
 * @param {Act} act
 */
export async function editKey(key, act) {
  const fields = keyFields(key);
  const isDone = await formDialog({
    title: `Edit ${key.name}`,
    confirm: "Save",
    wide: true,
    body: [h("div", { class: "grid" }, fields.name, fields.expires), ...fields.rest],
    submit: async () => {
      const changes = fields.changes();
      if (Object.keys(changes).length === 0) return;
      const now = await request(`/v1/admin/keys/${pathOf(key.id)}`, { method: "PATCH", json: changes });
      toast(`${now.name} is changed.`, "good");
    },
  });
  if (isDone) await act.load();
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
 * Give a key another secret.
 * @param {any} key
 * @param {Act} act
 */
export async function rotateKey(key, act) {
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
 * End a key.
 * @param {any} key
 * @param {Act} act
 */
export async function revokeKey(key, act) {
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
      await request(`/v1/admin/keys/${pathOf(key.id)}`, { method: "DELETE", query: { keep_children: isTicked(keep) } });
    },
  });
  if (!isDone) return;
  toast(`${key.name} is revoked.`, "good");
  await act.load();
}
