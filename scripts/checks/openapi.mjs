// Reads an OpenAPI document, makes it strict, and finds the operation of a request.
//
// Strict: without `additionalProperties` a document allows any property, so a misspelt name would pass, since nearly all of
// Grid's properties are optional. In the copy for Prism, an object with declared properties
// has no others. (Prism merges `allOf` before it validates, so separately closed parts stay open to each other.)

import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { correct } from "./corrections.mjs";

const METHODS = ["get", "put", "post", "delete", "patch", "head", "options", "trace"];
// Their values are data, not schemas.
const DATA = new Set(["example", "examples", "default", "enum", "const"]);

// The corrected document, and the month whose Grid it describes.
export function readOpenApi(path) {
  const document = parse(readFileSync(path, "utf8"));
  if (!document?.openapi || !document.paths) throw new Error(`${path} is no OpenAPI document`);
  // The error bodies changed everywhere, so they show the month.
  const month = document.components?.schemas?.Error400?.properties?.reason ? "2026-09" : "2026-08";
  return { document: correct(document, month), month };
}

export function closeObjects(document) {
  const copy = structuredClone(document);
  close(copy.paths);
  close(copy.components);
  return copy;
}

function close(node) {
  if (Array.isArray(node)) return node.forEach(close);
  if (node === null || typeof node !== "object") return;
  if (isObject(node.properties) && !("additionalProperties" in node) && !("unevaluatedProperties" in node)) {
    node.additionalProperties = false;
  }
  // A document chooses its property names: one may be "default".
  if (isObject(node.properties)) Object.values(node.properties).forEach(close);
  for (const [key, value] of Object.entries(node)) {
    if (key !== "properties" && !DATA.has(key)) close(value);
  }
}

function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

// Every operation: its name ("GET /customers/{customerId}"), and the names of its parameters by place ("query", "header").
export function operations(document) {
  const found = [];
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS.filter((method) => item[method])) {
      const parameters = [...(item.parameters ?? []), ...(item[method].parameters ?? [])].map((p) => resolve(document, p));
      const named = (place) => new Set(parameters.filter((p) => p.in === place).map((p) => p.name.toLowerCase()));
      found.push({
        name: `${method.toUpperCase()} ${path}`,
        method: method.toUpperCase(),
        segments: path.split("/"),
        query: named("query"),
        headers: named("header"),
      });
    }
  }
  return found;
}

// The operation of a request, or undefined. A path written out wins over one with a parameter, as OpenAPI says.
export function operationOf(all, method, path) {
  const parts = path.split("/");
  const isParameter = (segment) => segment.startsWith("{");
  return all
    .filter((operation) => operation.method === method && operation.segments.length === parts.length)
    .filter((operation) => operation.segments.every((segment, at) => isParameter(segment) || segment === parts[at]))
    .sort((a, b) => a.segments.filter(isParameter).length - b.segments.filter(isParameter).length)[0];
}

function resolve(document, node) {
  if (!node.$ref) return node;
  return node.$ref
    .slice(2)
    .split("/")
    .reduce((at, key) => at[key.replaceAll("~1", "/").replaceAll("~0", "~")], document);
}
