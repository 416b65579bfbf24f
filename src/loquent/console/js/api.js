/**
 * Speaks to the server; knows no page.
 * @module
 */

/** Where the server is, whatever path a proxy puts before it. Ends with a slash. */
export const BASE = new URL("../../", import.meta.url);

const KEY_NAME = "loquent.key";
const KEPT_EXCHANGES = 30;

/** What went wrong, in the server's words. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {{code?: string | null, param?: string | null, status?: number,
   *   requestId?: string | null, retryAfterS?: number | null}} [details]
   */
  constructor(message, details = {}) {
    super(message);
    this.name = "ApiError";
    /** Of docs/reference/errors.md, such as "model_not_found". */
    this.code = details.code ?? null;
    /** The field at fault. */
    this.param = details.param ?? null;
    /** Of HTTP; 0 where no answer came. */
    this.status = details.status ?? 0;
    this.requestId = details.requestId ?? null;
    this.retryAfterS = details.retryAfterS ?? null;
  }
}

/* ------------------------------------------------------------------ key */

/** Return the key that requests carry, or "". */
export function key() {
  return sessionStorage.getItem(KEY_NAME) ?? localStorage.getItem(KEY_NAME) ?? "";
}

/** Tell whether the key stays when the browser is closed. */
export function keyIsKept() {
  return localStorage.getItem(KEY_NAME) !== null;
}

/**
 * Keep a key for this tab, or for as long as the browser keeps anything; "" forgets it.
 * @param {string} value
 * @param {{keep?: boolean}} [options]
 */
export function setKey(value, { keep = false } = {}) {
  sessionStorage.removeItem(KEY_NAME);
  localStorage.removeItem(KEY_NAME);
  if (value) (keep ? localStorage : sessionStorage).setItem(KEY_NAME, value);
}

/** @type {((error: ApiError) => Promise<boolean>) | null} */
let askForKey = null;
/** @type {Promise<boolean> | null} */
let asking = null;

/**
 * Say who asks the person for a key after a 401; true if there is another one now.
 * @param {(error: ApiError) => Promise<boolean>} ask
 */
export function onKeyNeeded(ask) {
  askForKey = ask;
}

/** @param {ApiError} error */
async function hasAnotherKey(error) {
  if (!askForKey) return false;
  asking ??= askForKey(error).finally(() => {
    asking = null;
  });
  return asking;
}

/* ------------------------------------------------------------- requests */

/**
 * @typedef {object} RequestOptions
 * @property {string} [method] "GET", or "POST" where there is a body.
 * @property {unknown} [json] Body.
 * @property {FormData} [form] Body.
 * @property {Record<string, string | number | boolean | string[] | null | undefined>} [query]
 *   Empty values are left out.
 * @property {AbortSignal} [signal]
 * @property {Record<string, string>} [headers]
 * @property {boolean} [quiet] A 401 asks nobody for a key.
 * @property {boolean} [unrecorded] Not to be shown as "what the page just did".
 */

/**
 * What was just asked, for the snippets of the page API.
 * @typedef {object} Exchange
 * @property {string} method
 * @property {string} path With its query.
 * @property {unknown} json Body, if it was one of JSON.
 * @property {[string, string | {file: string}][] | null} form Fields, if it was a form.
 * @property {boolean} isStream Answered by server-sent events.
 * @property {Date} at
 * @property {number} status 0 while there is no answer.
 * @property {number} tookMs
 */

/** @type {Exchange[]} The latest first. */
const exchanges = [];
const watchers = new EventTarget();

/** Return what was asked lately, the latest first. */
export function recentExchanges() {
  return [...exchanges];
}

/**
 * Be told of each exchange.
 * @param {() => void} listener
 * @param {AbortSignal} signal
 */
export function onExchange(listener, signal) {
  watchers.addEventListener("exchange", listener, { signal });
}

/**
 * Return the whole address of a path such as "/v1/models".
 * @param {string} path
 * @param {RequestOptions["query"]} [query]
 */
export function address(path, query = {}) {
  const url = new URL(path.replace(/^\/+/, ""), BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "" || value === false) continue;
    for (const item of Array.isArray(value) ? value : [value]) {
      url.searchParams.append(name, String(item));
    }
  }
  return url;
}

/**
 * Ask, and return the answer if it is one; the body is still to be read.
 * @param {string} path
 * @param {RequestOptions} [options]
 * @returns {Promise<Response>}
 * @throws {ApiError}
 */
export async function respond(path, options = {}) {
  const url = address(path, options.query);
  const method = options.method ?? (options.json !== undefined || options.form ? "POST" : "GET");
  const exchange = record(method, url, options);
  const response = await send(url, method, options);
  settle(exchange, response.status, response.headers.get("content-type"));
  if (response.ok) return response;
  const error = await errorOf(response);
  if (error.status === 401 && !options.quiet && (await hasAnotherKey(error))) {
    return respond(path, { ...options, quiet: true });
  }
  throw error;
}

/**
 * Ask, and return what the answer holds: JSON as a value, anything else as text.
 * @param {string} path
 * @param {RequestOptions} [options]
 * @returns {Promise<any>}
 * @throws {ApiError}
 */
export async function request(path, options = {}) {
  const response = await respond(path, options);
  const type = response.headers.get("content-type") ?? "";
  if (response.status === 204) return null;
  return type.includes("json") ? response.json() : response.text();
}

/**
 * Ask, and yield the data of each server-sent event; "[DONE]" ends them.
 * @param {string} path
 * @param {RequestOptions} [options]
 * @returns {AsyncGenerator<any, void, void>}
 * @throws {ApiError}
 */
export async function* stream(path, options = {}) {
  const response = await respond(path, options);
  if (response.body) yield* events(response.body);
}

/**
 * Yield the data of each event of a stream.
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<any, void, void>}
 * @throws {ApiError}
 */
export async function* events(body) {
  const decoder = /** @type {ReadableWritablePair<string, Uint8Array>} */ (
    /** @type {unknown} */ (new TextDecoderStream())
  );
  const reader = body.pipeThrough(decoder).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      const parts = (rest + (value ?? "")).split(/\r?\n\r?\n/);
      rest = done ? "" : (parts.pop() ?? "");
      for (const part of parts) {
        const text = dataOf(part);
        if (text === "[DONE]") return;
        if (text) yield parsed(text);
      }
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** @param {string} event */
function dataOf(event) {
  return event
    .split(/\r?\n/)
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5).trimStart())
    .join("\n");
}

/** @param {string} text */
function parsed(text) {
  const value = JSON.parse(text);
  if (value && typeof value === "object" && value.error) throw envelope(value, 200, null);
  return value;
}

/**
 * Upload a form, told how much of it has left.
 * @param {string} path
 * @param {FormData} form
 * @param {{signal?: AbortSignal, onProgress?: (share: number) => void,
 *   onText?: (soFar: string) => void}} [options] `share` goes from 0 to 1.
 * @returns {Promise<{text: string, header: (name: string) => string | null}>}
 * @throws {ApiError}
 */
export async function upload(path, form, options = {}) {
  const exchange = record("POST", address(path), { form });
  try {
    const answer = await uploadOnce(path, form, options);
    settle(exchange, 200, answer.header("content-type"));
    return answer;
  } catch (error) {
    if (error instanceof ApiError) settle(exchange, error.status, null);
    if (error instanceof ApiError && error.status === 401 && (await hasAnotherKey(error))) {
      return uploadOnce(path, form, options);
    }
    throw error;
  }
}

/**
 * @param {string} path
 * @param {FormData} form
 * @param {{signal?: AbortSignal, onProgress?: (share: number) => void,
 *   onText?: (soFar: string) => void}} options
 * @returns {Promise<{text: string, header: (name: string) => string | null}>}
 */
function uploadOnce(path, form, { signal, onProgress, onText }) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const stop = () => xhr.abort();
    xhr.open("POST", address(path));
    if (key()) xhr.setRequestHeader("authorization", `Bearer ${key()}`);
    xhr.upload.onprogress = (event) => onProgress?.(event.loaded / event.total);
    xhr.upload.onload = () => onProgress?.(1);
    xhr.onprogress = () => xhr.status === 200 && onText?.(xhr.responseText);
    xhr.onerror = () => reject(unreachable());
    xhr.onabort = () => reject(new DOMException("Cancelled.", "AbortError"));
    xhr.onloadend = () => signal?.removeEventListener("abort", stop);
    xhr.onload = () => {
      const header = (/** @type {string} */ name) => xhr.getResponseHeader(name);
      if (xhr.status >= 200 && xhr.status < 300) {
        resolve({ text: xhr.responseText, header });
      } else {
        reject(envelope(json(xhr.responseText), xhr.status, header));
      }
    };
    if (signal?.aborted) {
      stop();
      reject(new DOMException("Cancelled.", "AbortError"));
      return;
    }
    signal?.addEventListener("abort", stop);
    xhr.send(form);
  });
}

/**
 * Return the address of a socket.
 * @param {string} path
 * @param {RequestOptions["query"]} [params]
 */
export function socketUrl(path, params = {}) {
  const url = address(path, params);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

/**
 * Open a socket that carries the key the only way a browser can, as a subprotocol.
 * @param {string} path
 * @param {RequestOptions["query"]} [params]
 */
export function openSocket(path, params = {}) {
  const offered = key() ? ["realtime", `openai-insecure-api-key.${key()}`] : ["realtime"];
  return new WebSocket(socketUrl(path, params), offered);
}

/* -------------------------------------------------------------- details */

/**
 * @param {URL} url
 * @param {string} method
 * @param {RequestOptions} options
 */
async function send(url, method, options) {
  const headers = new Headers(options.headers);
  if (key()) headers.set("authorization", `Bearer ${key()}`);
  /** @type {BodyInit | null} */
  let body = options.form ?? null;
  if (options.json !== undefined) {
    headers.set("content-type", "application/json");
    body = JSON.stringify(options.json);
  }
  try {
    return await fetch(url, { method, headers, body, signal: options.signal ?? null });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw unreachable();
  }
}

function unreachable() {
  return new ApiError("The server does not answer. Is it still running?", { code: "unreachable" });
}

/** @param {Response} response */
async function errorOf(response) {
  const text = await response.text().catch(() => "");
  return envelope(json(text), response.status, (name) => response.headers.get(name));
}

/** @param {string} text */
function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * @param {any} body
 * @param {number} status
 * @param {((name: string) => string | null) | null} header
 */
function envelope(body, status, header) {
  const told = body?.error ?? {};
  const retryAfter = Number(header?.("retry-after") ?? Number.NaN);
  return new ApiError(told.message || `The server answered with ${status} and said nothing more.`, {
    code: told.code ?? told.type ?? null,
    param: told.param ?? null,
    status,
    requestId: header?.("x-request-id") ?? null,
    retryAfterS: Number.isFinite(retryAfter) ? retryAfter : null,
  });
}

/**
 * @param {string} method
 * @param {URL} url
 * @param {RequestOptions} options
 */
function record(method, url, options) {
  /** @type {Exchange} */
  const exchange = {
    method,
    path: `/${url.href.slice(BASE.href.length)}`,
    json: options.json,
    form: options.form ? [...options.form].map(shown) : null,
    isStream: false,
    at: new Date(),
    status: 0,
    tookMs: 0,
  };
  if (!options.unrecorded) {
    exchanges.unshift(exchange);
    exchanges.length = Math.min(exchanges.length, KEPT_EXCHANGES);
  }
  return exchange;
}

/**
 * @param {[string, FormDataEntryValue]} entry
 * @returns {[string, string | {file: string}]}
 */
function shown([name, value]) {
  return [name, typeof value === "string" ? value : { file: value.name }];
}

/**
 * @param {Exchange} exchange
 * @param {number} status
 * @param {string | null} type
 */
function settle(exchange, status, type) {
  exchange.status = status;
  exchange.isStream = (type ?? "").startsWith("text/event-stream");
  exchange.tookMs = Date.now() - exchange.at.getTime();
  watchers.dispatchEvent(new Event("exchange"));
}
