/**
 * What pages are put together from.
 * @module
 */

import { ApiError } from "./api.js";
import { append, freshId, h, replace } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("./dom.js").Children} Children */
/** @typedef {import("./dom.js").Attributes} Attributes */

/* ---------------------------------------------------------------- words */

/**
 * Head a page.
 * @param {string} title
 * @param {string} lead One sentence on what the page is for.
 * @param {...Children} actions
 */
export function pageHeader(title, lead, ...actions) {
  return h(
    "header",
    { class: "page-header" },
    h("div", null, h("h1", { tabindex: "-1" }, title), h("p", { class: "lead" }, lead)),
    actions.length > 0 && h("div", { class: "actions" }, ...actions),
  );
}

/**
 * Frame what belongs together.
 * @param {{title?: string, aside?: Children, class?: string}} options
 * @param {...Children} children
 */
export function card(options, ...children) {
  return h(
    "section",
    { class: `card ${options.class ?? ""}`.trim() },
    options.title &&
      h(
        "div",
        { class: "card-head" },
        h("h2", null, options.title),
        options.aside && h("div", { class: "card-aside" }, options.aside),
      ),
    ...children,
  );
}

/**
 * Mark a word.
 * @param {string} text
 * @param {"plain" | "accent" | "good" | "warn" | "bad"} [tone]
 */
export function badge(text, tone = "plain") {
  return h("span", { class: `badge badge-${tone}` }, text);
}

/**
 * Show what something is like where there is none of it yet, and what to do.
 * @param {{icon?: string, title: string, text: Children, action?: Children}} options
 */
export function emptyState(options) {
  return h(
    "div",
    { class: "empty" },
    options.icon && h("span", { class: "empty-icon" }, icon(options.icon)),
    h("h3", null, options.title),
    h("p", null, options.text),
    options.action && h("div", { class: "actions" }, options.action),
  );
}

/**
 * Say what went wrong, and what to do about it.
 * @param {unknown} error
 * @param {...Children} actions Such as a button that tries again.
 */
export function errorBanner(error, ...actions) {
  const told = error instanceof ApiError ? error : null;
  const trace = [told?.code, told?.requestId].filter(Boolean).join(" · ");
  return h(
    "div",
    { class: "banner banner-bad", role: "alert" },
    icon("alert"),
    h(
      "div",
      { class: "banner-text" },
      h("p", null, inWords(error)),
      trace && h("p", { class: "mono faint small" }, trace),
    ),
    actions.length > 0 && h("div", { class: "actions" }, ...actions),
  );
}

/**
 * Say something that is not wrong, but worth knowing.
 * @param {...Children} children
 */
export function note(...children) {
  return h(
    "div",
    { class: "banner banner-plain" },
    icon("info"),
    h("div", { class: "banner-text" }, ...children),
  );
}

/**
 * Put an error in words.
 * @param {unknown} error
 */
export function inWords(error) {
  if (error instanceof ApiError) {
    const wait = error.retryAfterS ? ` Try again in ${error.retryAfterS} s.` : "";
    return error.message + wait;
  }
  return error instanceof Error ? error.message : String(error);
}

/** Tell whether a person stopped something, which is no error. */
export function isCancelled(/** @type {unknown} */ error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/**
 * Say something in passing.
 * @param {string} text
 * @param {"plain" | "good" | "bad"} [tone]
 */
export function toast(text, tone = "plain") {
  let shelf = document.querySelector(".toasts");
  if (!shelf) {
    shelf = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
    document.body.append(shelf);
  }
  const slice = h("div", { class: `toast toast-${tone}` }, text);
  shelf.append(slice);
  setTimeout(() => slice.remove(), 4500);
}

/* ------------------------------------------------------------- controls */

/**
 * Put a label on a control.
 * @param {string} label
 * @param {HTMLElement} control An input, select or textarea, or what holds one.
 * @param {{hint?: Children, wide?: boolean}} [options]
 */
export function field(label, control, options = {}) {
  const input = control.matches("input,select,textarea")
    ? control
    : (control.querySelector("input,select,textarea") ?? control);
  input.id ||= freshId("field");
  const hint = options.hint
    ? h("p", { class: "hint", id: freshId("hint") }, options.hint)
    : null;
  if (hint) input.setAttribute("aria-describedby", hint.id);
  return h(
    "div",
    { class: options.wide ? "field field-wide" : "field" },
    h("label", { for: input.id }, label),
    control,
    hint,
  );
}

/**
 * @typedef {{value: string, label?: string, disabled?: boolean}} Option
 */

/**
 * Let a person choose one of several.
 * @param {(string | Option)[]} options
 * @param {Attributes} [attributes] `value` is what is chosen at first.
 */
export function select(options, attributes = {}) {
  const { value, ...rest } = attributes;
  const node = h("select", { class: "control", ...rest });
  setOptions(node, options, value);
  return node;
}

/**
 * Put other options into a select; what was chosen stays, if it can.
 * @param {HTMLSelectElement} node
 * @param {(string | Option)[]} options
 * @param {string} [value]
 */
export function setOptions(node, options, value = node.value) {
  replace(
    node,
    ...options.map((option) => {
      const { value: id, label, disabled } = typeof option === "string" ? { value: option } : option;
      return h("option", { value: id, disabled: disabled ?? false }, label ?? id);
    }),
  );
  if ([...node.options].some((option) => option.value === value)) node.value = value;
}

/**
 * Let a person type a line.
 * @param {Attributes} [attributes]
 */
export function input(attributes = {}) {
  return h("input", { class: "control", type: "text", autocomplete: "off", ...attributes });
}

/**
 * Let a person type lines.
 * @param {Attributes} [attributes]
 */
export function textarea(attributes = {}) {
  return h("textarea", { class: "control", rows: 3, ...attributes });
}

/**
 * Let a person switch something on; the input is inside.
 * @param {string} label
 * @param {Attributes} [attributes] Of the input.
 */
export function checkbox(label, attributes = {}) {
  return h("label", { class: "check" }, h("input", { type: "checkbox", ...attributes }), label);
}

/**
 * Make a button.
 * @param {Children} label
 * @param {Attributes & {kind?: "primary" | "plain" | "quiet" | "danger", icon?: string,
 *   small?: boolean}} [attributes]
 */
export function button(label, attributes = {}) {
  const { kind = "plain", icon: drawing, small, class: more, ...rest } = attributes;
  const classes = ["button", `button-${kind}`, small && "button-small", !label && "button-icon", more];
  return h(
    "button",
    { type: "button", class: classes.filter(Boolean).join(" "), ...rest },
    drawing && icon(drawing),
    label,
  );
}

/**
 * Make a link that looks like a button.
 * @param {Children} label
 * @param {Attributes & {kind?: string, icon?: string}} attributes
 */
export function linkButton(label, attributes) {
  const { kind = "plain", icon: drawing, ...rest } = attributes;
  return h("a", { class: `button button-${kind}`, ...rest }, drawing && icon(drawing), label);
}

/**
 * Copy a text to the clipboard.
 * @param {string | (() => string)} text
 * @param {{label?: string, small?: boolean}} [options]
 */
export function copyButton(text, options = {}) {
  const { label = "Copy", small = true } = options;
  const node = button(label, {
    icon: "copy",
    small,
    kind: "quiet",
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(typeof text === "string" ? text : text());
        replace(node, icon("check"), "Copied");
      } catch {
        replace(node, icon("alert"), "Press Ctrl+C");
      }
      setTimeout(() => replace(node, icon("copy"), label), 1600);
    },
  });
  return node;
}

/**
 * Save something as a file.
 * @param {string} name
 * @param {BlobPart} content
 * @param {string} type
 */
export function saveAs(name, content, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/**
 * Let a person choose between views; arrow keys move.
 * @param {{id: string, label: Children, content: Node | (() => Node)}[]} items
 * @param {{label: string, selected?: string, onChange?: (id: string) => void}} options
 */
export function tabs(items, options) {
  const panel = h("div", { class: "tab-panel", role: "tabpanel", tabindex: "0", id: freshId("panel") });
  const buttons = items.map((item) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        class: "tab",
        id: freshId("tab"),
        "aria-controls": panel.id,
        dataset: { tab: item.id },
        onclick: () => choose(item.id),
        onkeydown: (/** @type {KeyboardEvent} */ event) => step(event),
      },
      item.label,
    ),
  );
  /** @param {string} id */
  function choose(id) {
    items.forEach((item, index) => {
      const isChosen = item.id === id;
      buttons[index].setAttribute("aria-selected", String(isChosen));
      buttons[index].tabIndex = isChosen ? 0 : -1;
      if (!isChosen) return;
      panel.setAttribute("aria-labelledby", buttons[index].id);
      replace(panel, typeof item.content === "function" ? item.content() : item.content);
    });
    options.onChange?.(id);
  }
  /** @param {KeyboardEvent} event */
  function step(event) {
    const steps = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowLeft: -1 });
    const by = steps[event.key];
    if (!by) return;
    const now = buttons.findIndex((node) => node === document.activeElement);
    const next = (now + by + buttons.length) % buttons.length;
    event.preventDefault();
    choose(items[next].id);
    buttons[next].focus();
  }
  choose(options.selected ?? items[0].id);
  return h(
    "div",
    { class: "tabs" },
    h("div", { class: "tab-list", role: "tablist", "aria-label": options.label }, buttons),
    panel,
  );
}

/**
 * Fold away what few people need; it unfolds where a control inside holds what it may not.
 * @param {string} summary
 * @param {...Children} children
 */
export function disclosure(summary, ...children) {
  const node = h(
    "details",
    { class: "disclosure" },
    h("summary", null, icon("chevron"), summary),
    h("div", { class: "disclosure-body" }, ...children),
  );
  const unfold = () => {
    node.open = true;
  };
  node.addEventListener("invalid", unfold, true);  // it does not bubble
  return node;
}

/* -------------------------------------------------------------- measures */

/**
 * Show how far something is; `set(null)` shows that it goes on, nobody knows how long.
 * @param {string} label
 */
export function progress(label) {
  const fill = h("div", { class: "progress-fill" });
  const node = h("div", { class: "progress", role: "progressbar", "aria-label": label }, fill);
  const set = (/** @type {number | null} */ share) => {
    node.classList.toggle("is-endless", share === null);
    if (share === null) {
      node.removeAttribute("aria-valuenow");
      fill.style.removeProperty("width");
    } else {
      node.setAttribute("aria-valuenow", String(Math.round(share * 100)));
      fill.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
    }
  };
  set(null);
  return { node, set };
}

/** Show that something is on its way. */
export function spinner(label = "Loading") {
  return h("span", { class: "spinner", role: "status", "aria-label": label });
}

/**
 * @template Row
 * @typedef {object} Column
 * @property {string} label
 * @property {(row: Row) => Children} cell
 * @property {boolean} [isNumber] Aligned to the right, digits of one width.
 * @property {(row: Row) => string | number} [sortBy] Makes its head a button that sorts.
 */

/**
 * Show rows.
 * @template Row
 * @param {{caption: string, columns: Column<Row>[], rows: Row[], empty?: Node}} options
 *   `caption` is read out, not shown.
 */
export function table(options) {
  const { caption, columns, rows, empty } = options;
  if (rows.length === 0 && empty) return h("div", { class: "table-wrap" }, empty);
  const body = h("tbody");
  /** @type {{column: Column<Row> | null, down: boolean}} */
  const order = { column: null, down: false };
  const heads = columns.map((column) => {
    const head = h("th", { scope: "col", class: column.isNumber ? "number" : "" });
    const { sortBy } = column;
    append(
      head,
      sortBy
        ? h("button", { type: "button", class: "sort", onclick: () => sort(column) }, column.label)
        : column.label,
    );
    return head;
  });
  /** @param {Column<Row>} column */
  function sort(column) {
    order.down = order.column === column && !order.down;
    order.column = column;
    heads.forEach((head, index) => {
      if (columns[index] === column) {
        head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      } else head.removeAttribute("aria-sort");
    });
    fill();
  }
  function fill() {
    const { column, down } = order;
    const by = column?.sortBy;
    const sorted = by
      ? [...rows].sort((a, b) => compare(by(a), by(b)) * (down ? -1 : 1))
      : rows;
    replace(
      body,
      ...sorted.map((row) =>
        h(
          "tr",
          null,
          columns.map((each) => h("td", { class: each.isNumber ? "number" : "" }, each.cell(row))),
        ),
      ),
    );
  }
  fill();
  return h(
    "div",
    { class: "table-wrap", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      { class: "table" },
      h("caption", { class: "unseen" }, caption),
      h("thead", null, h("tr", null, heads)),
      body,
    ),
  );
}

/**
 * @param {string | number} a
 * @param {string | number} b
 */
function compare(a, b) {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}

/* --------------------------------------------------------------- dialog */

/**
 * Ask something in front of the page; Esc says no.
 * @param {{title: string, body: Children, confirm: string, cancel?: string,
 *   kind?: "primary" | "danger"}} options
 * @returns {Promise<boolean>} Whether the person said yes.
 */
export function ask(options) {
  return new Promise((resolve) => {
    const title = h("h2", { id: freshId("dialog") }, options.title);
    const form = h(
      "form",
      { method: "dialog" },
      title,
      h("div", { class: "dialog-body" }, options.body),
      h(
        "div",
        { class: "actions actions-end" },
        options.cancel !== "" &&
          button(options.cancel ?? "Cancel", { onclick: () => node.close("no") }),
        button(options.confirm, { kind: options.kind ?? "primary", type: "submit", value: "yes" }),
      ),
    );
    const node = h("dialog", { class: "dialog", "aria-labelledby": title.id }, form);
    node.addEventListener("close", () => {
      node.remove();
      resolve(node.returnValue === "yes");
    });
    document.body.append(node);
    node.showModal();
  });
}

/* -------------------------------------------------------------- numbers */

/**
 * Write a time as 1:02 or 1:02:03, tenths if they matter.
 * @param {number} seconds
 * @param {{tenths?: boolean}} [options]
 */
export function clock(seconds, { tenths = false } = {}) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((n) => String(n).padStart(2, "0"));
  const hours = Math.floor(whole / 3600);
  const minutes = hours ? `${hours}:${parts[0]}` : String(Number(parts[0]));
  return `${minutes}:${parts[1]}${tenths ? `.${Math.floor((seconds % 1) * 10)}` : ""}`;
}

/**
 * Write a size as 12.3 MB.
 * @param {number} nBytes
 */
export function size(nBytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let index = 0;
  let amount = nBytes;
  while (amount >= 1000 && index < units.length - 1) {
    amount /= 1000;
    index += 1;
  }
  return `${amount.toFixed(index === 0 || amount >= 100 ? 0 : 1)} ${units[index]}`;
}

/**
 * Write the name of a language in the reader's own.
 * @param {string} code
 */
export function languageName(code) {
  try {
    return new Intl.DisplayNames(undefined, { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

/**
 * Make a text that is read out but not shown, for `aria-describedby`.
 * @param {string} text
 */
export function freshLabel(text) {
  return h("span", { class: "unseen", id: freshId("label") }, text);
}
