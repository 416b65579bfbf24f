/**
 * What the server can do, as choices for a person.
 * @module
 */

import { request } from "./api.js";
import { languageName } from "./widgets.js";

/**
 * A model of GET /v1/models, as far as the console reads it.
 * @typedef {object} Model
 * @property {string} id
 * @property {string} served_by
 * @property {string[]} capabilities
 * @property {string[]} languages
 * @property {boolean} loaded
 * @property {{id: string, provider: string, details: string[]}[]} endpoints
 */

/**
 * Return the models that can do something: those in memory first, then by name; names of the same
 * model after it.
 * @param {string} capability
 * @param {AbortSignal} signal
 * @returns {Promise<Model[]>}
 */
export async function modelsFor(capability, signal) {
  const answer = await request("/v1/models", { query: { capability }, signal, unrecorded: true });
  /** @type {Model[]} */
  const models = answer.data;
  const rank = (/** @type {Model} */ model) => (model.id === model.served_by ? 0 : 1);
  return models.sort(
    (a, b) => rank(a) - rank(b) || Number(b.loaded) - Number(a.loaded) || a.id.localeCompare(b.id),
  );
}

/**
 * Write models as options, saying what an alias stands for.
 * @param {Model[]} models
 */
export function modelOptions(models) {
  return models.map((model) => ({
    value: model.id,
    label: model.id === model.served_by ? model.id : `${model.id} → ${model.served_by}`,
  }));
}

/**
 * Write languages as options by their names, "detect" in front.
 * @param {string[]} codes
 */
export function languageOptions(codes) {
  const named = codes.map((code) => ({ value: code, label: languageName(code) }));
  named.sort((a, b) => a.label.localeCompare(b.label));
  return [{ value: "", label: "Detect" }, ...named];
}
