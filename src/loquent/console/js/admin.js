/**
 * What the pages about the server share: refusals, forms in front of the page, figures.
 * @module
 */

import { ApiError } from "./api.js";
import { append, freshId, h, replace } from "./dom.js";
import { icon } from "./icons.js";
import { badge, button, copyButton, errorBanner, progress } from "./widgets.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {import("./dom.js").Children} Children */

/** Makes a key that may do all that the console offers. */
export const ADMIN_COMMAND =
  "loquent keys create --name console --scope inference --scope usage --scope admin --reach server";

/** Tell whether a better key is what is missing. */
export function isRefusal(/** @type {unknown} */ error) {
  return error instanceof ApiError && (error.status === 401 || error.status === 403);
}

/**
 * Say what went wrong; where a better key would help, how to make one and where to put it.
 * @param {unknown} error
 * @param {Context} context
 */
export function failure(error, context) {
  if (!isRefusal(error)) {
    return errorBanner(error, button("Try again", { icon: "refresh", small: true, onclick: context.reload }));
  }
  return h(
    "div",
    { class: "stack" },
    errorBanner(error),
    keyHelp("On the machine where Loquent runs, make a key that may do this:", context),
  );
}

/**
 * Say how to make a key that may do all, and let a person enter it.
 * @param {string} text
 * @param {Context} context
 */
export function keyHelp(text, context) {
  return h(
    "div",
    { class: "stack-tight key-help" },
    h("p", null, text),
    commandLine(ADMIN_COMMAND),
    h(
      "p",
      { class: "faint small" },
      "The key is shown once. From the first key on, this server asks everybody for one.",
    ),
    h(
      "div",
      { class: "actions" },
      button("Enter a key", {
        icon: "key",
        kind: "primary",
        onclick: async () => {
          if (await context.askForKey()) context.reload();
        },
      }),
    ),
  );
}

/** Show a command that can be copied. */
export function commandLine(/** @type {string} */ text) {
  return h("div", { class: "command" }, h("code", null, text), copyButton(text));
}

/**
 * Ask for something in front of the page; what goes wrong is told there, and what was typed stays.
 * A control that is called as the API calls the field at fault is marked, and gets the focus.
 * @param {{title: string, body: Children, confirm: string, wide?: boolean,
 *   kind?: "primary" | "danger", submit: () => Promise<void>}} options
 * @returns {Promise<boolean>} Whether it was done.
 */
export function formDialog(options) {
  return new Promise((resolve) => {
    const trouble = h("div", { class: "dialog-trouble" });
    const confirm = button(options.confirm, { kind: options.kind ?? "primary", type: "submit" });
    const title = h("h2", { id: freshId("dialog") }, options.title);
    const form = h(
      "form",
      {
        method: "dialog",
        onsubmit: async (/** @type {SubmitEvent} */ event) => {
          event.preventDefault();
          const focused = /** @type {HTMLElement | null} */ (document.activeElement);
          confirm.disabled = true;
          replace(trouble);
          try {
            await options.submit();
            node.close("yes");
          } catch (error) {
            confirm.disabled = false;  // else it could not get the focus back
            replace(trouble, errorBanner(error));
            (markedControl(form, error) ?? focused)?.focus();
            trouble.scrollIntoView({ block: "nearest" });
          }
        },
      },
      title,
      h("div", { class: "dialog-body stack" }, options.body),
      trouble,
      h(
        "div",
        { class: "actions actions-end" },
        button("Cancel", { onclick: () => node.close("no") }),
        confirm,
      ),
    );
    const node = h(
      "dialog",
      { class: options.wide ? "dialog dialog-wide" : "dialog", "aria-labelledby": title.id },
      form,
    );
    node.addEventListener("close", () => {
      node.remove();
      resolve(node.returnValue === "yes");
    });
    document.body.append(node);
    node.showModal();
  });
}

/**
 * Mark the control of the field that an error is about, until it is changed.
 * @param {HTMLFormElement} form
 * @param {unknown} error
 * @returns {HTMLElement | null} None where the error names no field, or one that is not asked for.
 */
function markedControl(form, error) {
  const controls = /** @type {HTMLInputElement[]} */ ([...form.elements]);
  let name = (error instanceof ApiError && error.param) || "";
  let found;
  while (name && !found) {
    const wanted = name;
    found = controls.find((each) => each.name === wanted || each.name.startsWith(`${wanted}.`));
    name = name.slice(0, Math.max(0, name.lastIndexOf(".")));
  }
  if (!found) return null;
  const at = found;
  at.setAttribute("aria-invalid", "true");
  at.addEventListener("input", () => at.removeAttribute("aria-invalid"), { once: true });
  const fold = at.closest("details");
  if (fold) fold.open = true;
  return at;
}

/**
 * Show a few figures in a row.
 * @param {[label: string, value: Children][]} figures
 */
export function stats(figures) {
  return h(
    "dl",
    { class: "stats" },
    figures.map(([label, value]) => h("div", { class: "stat" }, h("dt", null, label), h("dd", null, value))),
  );
}

/**
 * Show labels and what belongs to them; what is empty is left out.
 * @param {[label: string, value: Children][]} pairs
 */
export function facts(pairs) {
  const told = pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return h(
    "dl",
    { class: "facts" },
    told.map(([label, value]) => h("div", null, h("dt", null, label), h("dd", null, value))),
  );
}

/** Show words as badges beside each other. */
export function badges(/** @type {string[]} */ words, /** @type {any} */ tone = "plain") {
  return h("span", { class: "badges" }, words.map((word) => badge(word, tone)));
}

/**
 * Show how much of something is used up; the bar turns red near its end.
 * @param {string} label
 * @param {number} share From 0 to 1.
 */
export function meter(label, share) {
  const bar = progress(label);
  bar.set(share);
  bar.node.classList.add("meter");
  if (share >= 1) bar.node.classList.add("is-full");
  else if (share >= 0.8) bar.node.classList.add("is-high");
  return bar.node;
}

/**
 * Write an amount of money, exact, in its own number of places but two at least.
 * @param {string | number | null} amount
 * @param {string} [currency]
 */
export function money(amount, currency = "USD") {
  if (amount === null) return "";
  const value = Number(amount);
  const digits = value !== 0 && Math.abs(value) < 1 ? 6 : 2;
  return new Intl.NumberFormat(undefined, {
    style: "currency", currency, minimumFractionDigits: 2, maximumFractionDigits: digits,
  }).format(value);
}

/** Write a count with its thousands apart. */
export function count(/** @type {number} */ number) {
  return new Intl.NumberFormat().format(number);
}

/** Write a moment of UTC in the reader's own time. */
export function moment(/** @type {string | null} */ text) {
  if (!text) return "";
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(new Date(text));
}

/** Write the day of a moment of UTC. */
export function dayOf(/** @type {string | null} */ text) {
  if (!text) return "";
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium" }).format(new Date(text));
}

/**
 * Let a person search; `onInput` gets what is typed, in lower case.
 * @param {string} label
 * @param {(text: string) => void} onInput
 * @param {string} [value] What stands there at first.
 */
export function searchBox(label, onInput, value = "") {
  const box = h("input", {
    class: "control", type: "search", placeholder: label, "aria-label": label, autocomplete: "off", value,
    oninput: () => onInput(box.value.trim().toLowerCase()),
  });
  return h("div", { class: "search" }, icon("search"), box);
}

/**
 * Put every segment of an id into an address; ids may hold slashes.
 * @param {string} id
 */
export function pathOf(id) {
  return id.split("/").map(encodeURIComponent).join("/");
}

/**
 * Put a heading over what follows inside a card.
 * @param {string} title
 * @param {...Children} children
 */
export function part(title, ...children) {
  const node = h("div", { class: "stack-tight" }, h("h3", null, title));
  append(node, ...children);
  return node;
}
