/**
 * Writes what a page just asked as curl, Python and Node; knows no page.
 * @module
 */

import { BASE } from "./api.js";

/** @typedef {import("./api.js").Exchange} Exchange */

const KEY = "LOQUENT_API_KEY";

/**
 * Write an exchange in three languages. No key is ever written out: all three read
 * `LOQUENT_API_KEY`.
 * @param {Exchange} exchange
 * @returns {{curl: string, python: string, node: string}}
 */
export function snippets(exchange) {
  return { curl: curl(exchange), python: python(exchange), node: node(exchange) };
}

/** @param {Exchange} exchange */
function url(exchange) {
  return new URL(exchange.path.slice(1), BASE).href;
}

/**
 * Quote for a POSIX shell.
 * @param {string} text
 */
function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** @param {Exchange} exchange */
function curl(exchange) {
  const lines = [`curl ${quoted(url(exchange))}`, `-H "Authorization: Bearer $${KEY}"`];
  const hasBody = exchange.form !== null || exchange.json !== undefined;
  if (exchange.isStream) lines[0] = lines[0].replace("curl", "curl -N");
  if (exchange.method !== (hasBody ? "POST" : "GET")) lines.push(`-X ${exchange.method}`);
  for (const [name, value] of exchange.form ?? []) {
    lines.push(
      typeof value === "string"
        ? `--form-string ${quoted(`${name}=${value}`)}`
        : `-F ${quoted(`${name}=@${value.file}`)}`,
    );
  }
  if (exchange.json !== undefined) {
    lines.push(`-H "Content-Type: application/json"`, `-d ${quoted(JSON.stringify(exchange.json))}`);
  }
  return lines.join(" \\\n  ");
}

/**
 * Write a value of JSON as one of Python.
 * @param {unknown} value
 * @returns {string}
 */
function pythonic(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(pythonic).join(", ")}]`;
  if (typeof value === "object") {
    const pairs = Object.entries(value).map(([name, each]) => `${pythonic(name)}: ${pythonic(each)}`);
    return `{${pairs.join(", ")}}`;
  }
  return JSON.stringify(value);
}

/** @param {Exchange} exchange */
function python(exchange) {
  const fields = exchange.form ?? [];
  const texts = fields.filter(([, value]) => typeof value === "string");
  const files = fields.filter(([, value]) => typeof value !== "string");
  const words = [
    `    ${pythonic(url(exchange))},`,
    `    headers={"Authorization": f"Bearer {os.environ['${KEY}']}"},`,
  ];
  if (files.length > 0) {
    const opened = files.map(([name, value]) => {
      const path = typeof value === "string" ? value : value.file;
      return `${pythonic(name)}: open(${pythonic(path)}, "rb")`;
    });
    words.push(`    files={${opened.join(", ")}},`);
  }
  if (texts.length > 0) {
    const pairs = texts.map(([name, value]) => `        (${pythonic(name)}, ${pythonic(value)}),`);
    words.push("    data=[", ...pairs, "    ],");
  }
  if (exchange.json !== undefined) words.push(`    json=${pythonic(exchange.json)},`);
  words.push("    timeout=600,");
  if (exchange.isStream) words.push("    stream=True,");
  return [
    "import os",
    "import requests",
    "",
    `response = requests.${exchange.method.toLowerCase()}(`,
    ...words,
    ")",
    "response.raise_for_status()",
    exchange.isStream
      ? "for line in response.iter_lines():\n    print(line.decode())"
      : "print(response.text)",
  ].join("\n");
}

/** @param {Exchange} exchange */
function node(exchange) {
  const head = [];
  const words = [
    `  method: ${JSON.stringify(exchange.method)},`,
  ];
  if (exchange.form) {
    head.push("const form = new FormData();");
    for (const [name, value] of exchange.form) {
      head.push(
        typeof value === "string"
          ? `form.append(${JSON.stringify(name)}, ${JSON.stringify(value)});`
          : `form.append(${JSON.stringify(name)}, await openAsBlob(${JSON.stringify(value.file)}), ${JSON.stringify(value.file)});`,
      );
    }
    if (head.some((line) => line.includes("openAsBlob"))) {
      head.unshift('import { openAsBlob } from "node:fs";', "");
    }
    head.push("");
  }
  const type = exchange.json === undefined ? "" : `, "Content-Type": "application/json"`;
  words.push(`  headers: { Authorization: \`Bearer \${process.env.${KEY}}\`${type} },`);
  if (exchange.form) words.push("  body: form,");
  if (exchange.json !== undefined) words.push(`  body: JSON.stringify(${JSON.stringify(exchange.json)}),`);
  return [
    ...head,
    `const response = await fetch(${JSON.stringify(url(exchange))}, {`,
    ...words,
    "});",
    "if (!response.ok) throw new Error(await response.text());",
    exchange.isStream
      ? "for await (const chunk of response.body) process.stdout.write(chunk);"
      : "console.log(await response.text());",
  ].join("\n");
}
