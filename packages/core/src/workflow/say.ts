import { pointerSegments } from "../pointer.ts";
import { flowList, quote } from "../quote.ts";
import { suggest } from "../suggest.ts";
import { type Node, jsonType } from "./node.ts";

/** The general sentences of the checker: what a value should be, what it is, how it is written. */
const NOUNS: Readonly<Record<string, string>> = {
  string: "text",
  integer: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
};

/** What the node wants. */
export const nounOf = (node: Node): string =>
  node["x-noun"] ?? (node.const === undefined ? (NOUNS[node.type ?? ""] ?? "something else") : `\`${node.const}\``);

export function hintFor(node: Node, value: unknown): string | undefined {
  if (node.const !== undefined && typeof value === "string") {
    const near = suggest(value, [node.const]);
    return near === null ? example(node) : `did you mean \`${near}\`?`;
  }
  if (node.anyOf && typeof value === "string") {
    const near = suggest(
      value,
      node.anyOf.flatMap((a) => (a.const === undefined ? [] : [a.const])),
    );
    if (near !== null) return `did you mean \`${near}\`?`;
  }
  if (node.type === "string" && (typeof value === "number" || typeof value === "boolean")) return "put quotes round it";
  if (node.type === "boolean" && typeof value === "string") {
    if (/^(?:yes|on|true)$/i.test(value)) return "write true, without quotes";
    if (/^(?:no|off|false)$/i.test(value)) return "write false, without quotes";
  }
  if (node.type === "array" && typeof value === "string" && node.items?.type === "string") {
    return `write a list: ${flowList([value])}`;
  }
  return example(node);
}

export const example = (node: Node): string | undefined =>
  node["x-example"] === undefined ? undefined : `write, for example, ${node["x-example"]}`;

/** A value in a few words. */
export function describe(value: unknown): string {
  switch (jsonType(value)) {
    case "null":
      return "empty (null)";
    case "boolean":
      return `the value ${String(value)}`;
    case "integer":
    case "number":
      return `the number ${String(value)}`;
    case "string":
      return `the text ${quote(String(value))}`;
    case "array":
      return "a list";
    case "object":
      return "a mapping";
  }
}

/** What a message calls the value at `path`. */
export function subject(path: string): string {
  const segments = pointerSegments(path);
  const last = segments.at(-1);
  if (last === undefined) return "the workflow";
  if (segments.length === 2 && segments[0] === "stages") return `stage ${quote(last)}`;
  if (segments.length < 2 || !/^[0-9]+$/.test(last)) return quote(last);
  const list = segments.at(-2)!;
  if (list === "exec") return `command ${Number(last) + 1}`;
  return `item ${Number(last) + 1} of ${/^[0-9]+$/.test(list) ? subject(path.slice(0, path.lastIndexOf("/"))) : quote(list)}`;
}
