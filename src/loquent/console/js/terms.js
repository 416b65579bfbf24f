/**
 * Asks what an account may do, and how much of it; knows no account and sends nothing.
 * @module
 */

import { part } from "./admin.js";
import { h } from "./dom.js";
import { checkbox, disclosure, field, input, select } from "./widgets.js";

/** @type {[name: string, label: string][]} */
export const LIMITS = [
  ["requests_per_minute", "Requests a minute"],
  ["audio_seconds_per_minute", "Seconds of audio a minute"],
  ["characters_per_minute", "Characters spoken a minute"],
  ["concurrent_requests", "Requests at the same time"],
  ["concurrent_sessions", "Live sessions at the same time"],
];

/** @typedef {Record<string, unknown>} Fields */

/**
 * Ask for models, providers, limits and a budget. Controls are named as the API names its fields.
 * @param {any} [account] What stands there at first; nothing where there is none yet.
 */
export function termsFields(account) {
  const models = input({ name: "models", placeholder: "all", value: listed(account?.models) });
  const providers = input({ name: "allowed_providers", placeholder: "all", value: listed(account?.allowed_providers) });
  const eu = checkbox("Only providers based in the EU", { name: "eu_native", checked: account?.eu_native ?? false });
  const exact = checkbox("No quantised weights", { name: "allow_quantization", checked: account?.allow_quantization === false });
  const limits = LIMITS.map(([name, label]) => ({
    name, label,
    node: input({ name: `limits.${name}`, type: "number", min: 1, placeholder: "any", value: account?.limits[name] ?? "" }),
  }));
  const period = select(["day", "week", "month", "total"], { name: "budget.period", value: account?.budget?.period ?? "month" });
  const hard = input({ name: "budget.hard", inputmode: "decimal", placeholder: "any", value: amount(account?.budget?.hard) });
  const soft = input({ name: "budget.soft", inputmode: "decimal", placeholder: "none", value: amount(account?.budget?.soft) });
  const node = disclosure(
    "Models, providers, limits and a budget",
    h("div", { class: "grid" }, field("Only these models", models, { hint: "Names with commas." }), field("Only these providers", providers, { hint: "Such as local, groq." })),
    h("div", { class: "row" }, eu, exact),
    part("Limits", h("div", { class: "grid" }, limits.map((each) => field(each.label, each.node)))),
    part("Budget", h("div", { class: "grid" }, field("Period", period), field("Nothing beyond", hard), field("Warn beyond", soft))),
  );
  const values = () => {
    const hasBudget = hard.value.trim() || soft.value.trim();
    return {
      models: words(models.value),
      allowed_providers: words(providers.value),
      eu_native: isTicked(eu),
      allow_quantization: !isTicked(exact),
      limits: Object.fromEntries(limits.map((each) => [each.name, each.node.value ? Number(each.node.value) : null])),
      budget: hasBudget ? { period: period.value, hard: hard.value.trim() || null, soft: soft.value.trim() || null } : null,
    };
  };
  const before = values();
  node.open = account !== undefined && Object.keys(changed(nothing(), before)).length > 0;
  /** Return what differs from how it stood at first, null for what is no longer wanted. */
  const changes = () => {
    const { limits: counts, ...rest } = values();
    const others = changed(before.limits, counts);
    return { ...changed(before, rest), ...(Object.keys(others).length > 0 ? { limits: others } : {}) };
  };
  return { node, changes };
}

/** What an account may do that nothing bounds. */
function nothing() {
  return {
    models: null, allowed_providers: null, eu_native: false, allow_quantization: true,
    limits: Object.fromEntries(LIMITS.map(([name]) => [name, null])), budget: null,
  };
}

/**
 * Return those of `after` that are not what they were.
 * @param {Fields} before
 * @param {Fields} after
 * @returns {Fields}
 */
export function changed(before, after) {
  const differs = (/** @type {string} */ name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]);
  return Object.fromEntries(Object.entries(after).filter(([name]) => differs(name)));
}

/** Tell whether a checkbox is ticked. */
export function isTicked(/** @type {HTMLElement} */ box) {
  return /** @type {HTMLInputElement} */ (box.querySelector("input")).checked;
}

/** @param {string[] | null | undefined} names */
function listed(names) {
  return names?.join(", ") ?? "";
}

/** @param {string} text */
function words(text) {
  const found = text.split(",").map((word) => word.trim()).filter(Boolean);
  return found.length > 0 ? found : null;
}

/**
 * Write an amount of the API without the zeros at its end.
 * @param {string | null | undefined} told
 */
function amount(told) {
  return told ? String(Number(told)) : "";
}
