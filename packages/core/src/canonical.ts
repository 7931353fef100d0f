import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

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
    case "object": {
      if (value === null) return "null";
      let text = "";
      if (Array.isArray(value)) {
        for (const item of value) text += `${text === "" ? "" : ","}${canonicalJson(item)}`;
        return `[${text}]`;
      }
      for (const key of inOrder(Object.keys(value))) {
        const member = (value as Record<string, unknown>)[key];
        if (member !== undefined) text += `${text === "" ? "" : ","}${quoted(key)}:${canonicalJson(member)}`;
      }
      return `{${text}}`;
    }
    default:
      throw new TypeError(`canonical JSON has no form for a ${typeof value}`);
  }
}

function quoted(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  if (LONE_SURROGATE.test(text)) throw new TypeError("canonical JSON has no form for a lone surrogate");
  return JSON.stringify(text);
}

/** Sorted, which they often are. */
function inOrder(keys: string[]): string[] {
  for (let i = 1; i < keys.length; i++) if (keys[i - 1]! > keys[i]!) return keys.sort();
  return keys;
}

/** A digest as written everywhere: 64 lower-case hex digits of SHA-256. */
export const DIGEST_PATTERN = "^[0-9a-f]{64}$";

export const sha256Hex = (text: string): string => bytesToHex(sha256(utf8ToBytes(text)));

/** SHA-256 over the RFC 8785 form. */
export const digestOf = (value: unknown): string => sha256Hex(canonicalJson(value));
