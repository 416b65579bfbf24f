/**
 * Shows one page at a time, beside the navigation; knows of a page only its name.
 * @module
 */

import { key, keyIsKept, onKeyNeeded, setKey } from "./api.js";
import { h, replace } from "./dom.js";
import { icon } from "./icons.js";
import {
  ask, button, checkbox, errorBanner, field, input, isCancelled, spinner,
} from "./widgets.js";

/**
 * What a page is given.
 * @typedef {object} Context
 * @property {URLSearchParams} params What stands behind the ? of its address.
 * @property {AbortSignal} signal Aborted when the page is left.
 * @property {(id: string, params?: Record<string, string>) => void} go Show another page.
 * @property {() => Promise<boolean>} askForKey True if there is another key now.
 * @property {() => void} reload Show this page anew.
 */

/**
 * What the module of a page exports.
 * @typedef {object} Page
 * @property {string} id
 * @property {string} title
 * @property {(root: HTMLElement, context: Context) => void | (() => void)
 *   | Promise<void | (() => void)>} mount Fills `root`; what it returns is called in the end.
 */

/**
 * @typedef {{id: string, title: string, icon: string, load: () => Promise<Page>}} Entry
 */

/** @type {{title: string, pages: Entry[]}[]} */
const SECTIONS = [
  {
    title: "Speech",
    pages: [
      entry("transcribe", "Transcribe", "wave", () => import("./pages/transcribe.js")),
      entry("live", "Live", "mic", () => import("./pages/live.js")),
      entry("speak", "Speak", "speak", () => import("./pages/speak.js")),
    ],
  },
  {
    title: "Server",
    pages: [
      entry("models", "Models", "models", () => import("./pages/models.js")),
      entry("routes", "Routes", "routes", () => import("./pages/routes.js")),
      entry("usage", "Usage", "chart", () => import("./pages/usage.js")),
      entry("pricing", "Pricing", "price", () => import("./pages/pricing.js")),
      entry("keys", "Keys", "key", () => import("./pages/keys.js")),
    ],
  },
  {
    title: "Build",
    pages: [entry("api", "API", "code", () => import("./pages/api.js"))],
  },
];

const PAGES = SECTIONS.flatMap((section) => section.pages);

/**
 * @param {string} id
 * @param {string} title
 * @param {string} drawing
 * @param {() => Promise<any>} load
 * @returns {Entry}
 */
function entry(id, title, drawing, load) {
  return { id, title, icon: drawing, load };
}

const main = h("main", { class: "main", id: "main" });
const sidebar = h("nav", { class: "sidebar", id: "sidebar", "aria-label": "Pages" });
const keyButton = h("button", {
  type: "button",
  class: "side-item",
  onclick: async () => (await askForKey()) && show(),
});
const themeButton = h("button", { type: "button", class: "side-item", onclick: turnTheme });

/** @type {AbortController | null} */
let shown = null;

/** Return the page that the address names, and what it asks of it. */
function whereabouts() {
  const [id, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const page = PAGES.find((each) => each.id === id) ?? PAGES[0];
  return { page, params: new URLSearchParams(query) };
}

async function show() {
  shown?.abort();
  const leaving = new AbortController();
  shown = leaving;
  const { page, params } = whereabouts();
  document.title = `${page.title} · Loquent`;
  document.body.classList.remove("menu-open");
  for (const link of sidebar.querySelectorAll("a[data-page]")) {
    if (/** @type {HTMLElement} */ (link).dataset.page === page.id) {
      link.setAttribute("aria-current", "page");
    } else link.removeAttribute("aria-current");
  }
  const root = h("div", { class: `page page-${page.id}` });
  replace(main, root);
  main.scrollTop = 0;
  const wait = setTimeout(() => root.childNodes.length === 0 && root.append(spinner()), 150);
  try {
    const module = await page.load();
    clearTimeout(wait);
    if (leaving.signal.aborted) return;
    root.replaceChildren();
    const cleanUp = await module.mount(root, context(params, leaving.signal));
    if (!cleanUp) return;
    if (leaving.signal.aborted) cleanUp();
    else leaving.signal.addEventListener("abort", () => cleanUp(), { once: true });
  } catch (error) {
    clearTimeout(wait);
    if (leaving.signal.aborted || isCancelled(error)) return;
    replace(root, errorBanner(error, button("Try again", { onclick: show })));
  }
}

/**
 * @param {URLSearchParams} params
 * @param {AbortSignal} signal
 * @returns {Context}
 */
function context(params, signal) {
  return { params, signal, go, askForKey, reload: show };
}

/**
 * @param {string} id
 * @param {Record<string, string>} [params]
 */
function go(id, params) {
  const query = new URLSearchParams(params).toString();
  const hash = `#/${id}${query ? `?${query}` : ""}`;
  if (location.hash === hash) show();
  else location.hash = hash;
}

/**
 * Ask for a key, and try it before it is kept.
 * @param {import("./api.js").ApiError} [refusal]
 * @returns {Promise<boolean>}
 */
async function askForKey(refusal) {
  const typed = input({
    type: "password", value: key(), placeholder: "lq_…", autocomplete: "off", spellcheck: "false",
  });
  const keep = checkbox("Remember it in this browser", { checked: keyIsKept() });
  const body = h(
    "div",
    { class: "stack" },
    refusal && errorBanner(refusal),
    h(
      "p",
      { class: "faint" },
      "Keys are made with ",
      h("code", null, "loquent keys create"),
      " or on the page Keys. Where LOQUENT_API_KEY is set, that is one, too. It is sent to this server and nowhere else.",
    ),
    field("API key", typed, {
      hint: "Without the tick it is forgotten when this tab is closed. Leave it empty to send none.",
    }),
    keep,
  );
  const isGiven = await ask({ title: "API key", body, confirm: "Use this key" });
  if (!isGiven) return false;
  setKey(typed.value.trim(), { keep: /** @type {HTMLInputElement} */ (keep.querySelector("input")).checked });
  drawKeyButton();
  return true;
}

function drawKeyButton() {
  replace(
    keyButton,
    icon("key"),
    h("span", null, "API key"),
    h("span", { class: "side-state" }, key() ? "set" : "none"),
  );
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function turnTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("loquent.theme", theme);
  drawThemeButton();
  dispatchEvent(new Event("loquent:theme"));
}

function drawThemeButton() {
  replace(
    themeButton,
    icon(isDark() ? "sun" : "moon"),
    h("span", null, isDark() ? "Light theme" : "Dark theme"),
  );
}

function drawSidebar() {
  replace(
    sidebar,
    brand(),
    h(
      "div",
      { class: "side-sections" },
      SECTIONS.map((section) =>
        h(
          "div",
          { class: "side-section" },
          h("p", { class: "side-title" }, section.title),
          h(
            "ul",
            null,
            section.pages.map((page) =>
              h(
                "li",
                null,
                h(
                  "a",
                  { class: "side-item", href: `#/${page.id}`, dataset: { page: page.id } },
                  icon(page.icon),
                  h("span", null, page.title),
                ),
              ),
            ),
          ),
        ),
      ),
    ),
    h("div", { class: "side-foot" }, keyButton, themeButton),
  );
}

function brand() {
  const mark = h("img", { src: "console/img/loquent.svg", alt: "", width: "22", height: "22" });
  return h("a", { class: "brand", href: "#/transcribe" }, mark, "Loquent");
}

function drawTopbar() {
  const menu = button("", {
    icon: "menu",
    kind: "quiet",
    "aria-label": "Menu",
    "aria-controls": "sidebar",
    "aria-expanded": "false",
    onclick: () => {
      const isOpen = document.body.classList.toggle("menu-open");
      menu.setAttribute("aria-expanded", String(isOpen));
    },
  });
  return h("header", { class: "topbar" }, menu, brand());
}

function start() {
  drawSidebar();
  drawKeyButton();
  drawThemeButton();
  const veil = h("div", {
    class: "veil",
    onclick: () => document.body.classList.remove("menu-open"),
  });
  document.body.append(
    h("a", {
      class: "skip",
      href: "#main",
      onclick: (/** @type {Event} */ event) => {
        event.preventDefault();
        main.querySelector("h1")?.focus();
      },
    }, "Skip to the page"),
    drawTopbar(),
    sidebar,
    veil,
    main,
  );
  onKeyNeeded(askForKey);
  addEventListener("hashchange", show);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.body.classList.remove("menu-open");
  });
  show();
}

start();
