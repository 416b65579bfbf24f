/**
 * Builds elements; text goes in as text and never as markup.
 * @module
 */

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Child | Child[]} Children */
/**
 * What `h` takes beside the tag. `class`, `dataset`, `style` (an object of CSS properties), `on*`
 * (listeners), and any property or attribute; `false`, `null` and `undefined` leave one out.
 * @typedef {Record<string, any>} Attributes
 */

const SVG = "http://www.w3.org/2000/svg";

/** Written as properties: their attributes only set what an element begins with. */
const PROPERTIES = new Set(["value", "checked", "selected", "indeterminate", "muted", "disabled"]);

/** Would take markup, or code, out of a text. */
const REFUSED = new Set(["innerhtml", "outerhtml", "srcdoc"]);

const LINKS = /^(?:https?:|mailto:|blob:|#|\/|\.|[\w-]+(?:\/|$))/i;

/**
 * Make an HTML element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes | null} [attributes]
 * @param {...Children} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) set(node, name, value);
  append(node, ...children);
  return node;
}

/**
 * Make an SVG element.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {...Node} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    node.setAttribute(name, String(value));
  }
  node.append(...children);
  return node;
}

/**
 * Append children, lists of them flattened.
 * @param {Element | DocumentFragment} node
 * @param {...Children} children
 */
export function append(node, ...children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
}

/**
 * Put children in the place of what a node holds.
 * @param {Element} node
 * @param {...Children} children
 */
export function replace(node, ...children) {
  node.replaceChildren();
  append(node, ...children);
}

/**
 * @param {HTMLElement} node
 * @param {string} name
 * @param {any} value
 */
function set(node, name, value) {
  if (REFUSED.has(name.toLowerCase())) throw new TypeError(`${name} takes markup`);
  if (value === null || value === undefined || value === false) {
    if (PROPERTIES.has(name) && value === false) /** @type {any} */ (node)[name] = false;
    return;
  }
  if (name.startsWith("on")) {
    if (typeof value !== "function") throw new TypeError(`${name} takes a function`);
    node.addEventListener(name.slice(2).toLowerCase(), value);
  } else if (name === "class") {
    node.className = value;
  } else if (name === "dataset") {
    Object.assign(node.dataset, value);
  } else if (name === "style") {
    for (const [property, text] of Object.entries(value)) {
      node.style.setProperty(property, String(text));
    }
  } else if (PROPERTIES.has(name)) {
    /** @type {any} */ (node)[name] = value;
  } else if ((name === "href" || name === "src") && !LINKS.test(String(value))) {
    throw new TypeError(`${name} leads nowhere good`);
  } else {
    node.setAttribute(name, value === true ? "" : String(value));
  }
}

let lastId = 0;

/**
 * Return an id that no element has.
 * @param {string} [stem]
 */
export function freshId(stem = "id") {
  lastId += 1;
  return `${stem}-${lastId}`;
}
