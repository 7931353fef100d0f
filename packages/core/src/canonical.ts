import { sha256Hex } from "./sha256.ts";

/** JSON as data: what canonical JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Text that stands in JSON as it is, as nearly all does. */
const PLAIN = /^[ !#-[\]-~]*$/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * RFC 8785 (JSON Canonicalization Scheme). ECMAScript's own number and string forms are the ones that the RFC
 * takes, so what is left is the order of the keys (by UTF-16 code units, which is what `sort()` does) and the
 * refusal of what JSON cannot hold. Throws a TypeError for NaN, infinities, lone surrogates, undefined and functions.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`canonical JSON has no form for ${value}`);
      return `${value}`;
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? arrayText(value) : objectText(value as Record<string, unknown>);
    default:
      throw new TypeError(`canonical JSON has no form for a ${typeof value}`);
  }
}

function quoted(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  if (LONE_SURROGATE.test(text)) throw new TypeError("canonical JSON has no form for a lone surrogate");
  return JSON.stringify(text);
}

function arrayText(items: readonly unknown[]): string {
  if (items.length > LONG) return `[${inPortions(items, canonicalJson)}]`;
  let text = "";
  for (const item of items) text += text === "" ? canonicalJson(item) : `,${canonicalJson(item)}`;
  return `[${text}]`;
}

function objectText(value: Readonly<Record<string, unknown>>): string {
  const keys = Object.keys(value);
  if (keys.length > LONG) {
    const present = keys.filter((key) => value[key] !== undefined).sort();
    return `{${inPortions(present, (key) => `${quoted(key)}:${canonicalJson(value[key])}`)}}`;
  }
  let text = "";
  for (const { key, first, further } of membersOf(keys)) {
    const member = value[key];
    if (member !== undefined) text += (text === "" ? first : further) + canonicalJson(member);
  }
  return `{${text}}`;
}

/** Of more items the text is put together in portions: V8 keeps a sum of texts as a tree, which costs much more to keep. */
const LONG = 32;

function inPortions<T>(items: readonly T[], textOf: (item: T) => string): string {
  const portions: string[] = [];
  for (let from = 0; from < items.length; from += LONG) {
    const portion: string[] = [];
    for (let i = from; i < items.length && i < from + LONG; i++) portion.push(textOf(items[i]!));
    portions.push(portion.join(","));
  }
  return portions.join(",");
}

/** A member's name as it stands at the beginning of an object, and further on. */
interface Member {
  readonly key: string;
  readonly first: string;
  readonly further: string;
}

interface Shape {
  readonly keys: readonly string[];
  readonly members: readonly Member[];
}

/** By first key: objects of one kind have the same keys in the same order, and are not sorted one by one. */
const shapes = new Map<string, Shape[]>();
const FIRST_KEYS_MAX = 512;
const SHAPES_MAX = 8;
/** Keys may be anybody's. */
const KEPT_CHARS_MAX = 1_024;

/** In the order of the canonical form. */
function membersOf(keys: readonly string[]): readonly Member[] {
  if (keys.length === 0) return [];
  const known = shapes.get(keys[0]!) ?? [];
  for (const shape of known) if (isSame(shape.keys, keys)) return shape.members;
  const members = [...keys].sort().map((key) => {
    const first = `${quoted(key)}:`;
    return { key, first, further: `,${first}` };
  });
  if (known.length < SHAPES_MAX && keys.join("").length <= KEPT_CHARS_MAX) {
    if (known.length === 0 && shapes.size < FIRST_KEYS_MAX) shapes.set(keys[0]!, known);
    known.push({ keys, members });
  }
  return members;
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  if (some.length !== others.length) return false;
  for (let i = 0; i < some.length; i++) if (some[i] !== others[i]) return false;
  return true;
}

/** A digest as written everywhere: 64 lower-case hex digits of SHA-256. */
export const DIGEST_PATTERN = "^[0-9a-f]{64}$";

/** SHA-256 over the RFC 8785 form. */
export const digestOf = (value: unknown): string => sha256Hex(canonicalJson(value));
