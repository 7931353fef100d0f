import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** JSON as data: what canonical JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** The second is asked only where the first says yes: it reads by code point, which costs several times as much. */
const SURROGATE = /[\uD800-\uDFFF]/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * RFC 8785 (JSON Canonicalization Scheme). ECMAScript's own number and string forms are the ones that the RFC
 * takes, so what is left is the order of the keys (by UTF-16 code units, which is what `sort()` does) and the
 * refusal of what JSON cannot hold. Throws a TypeError for NaN, infinities, lone surrogates, undefined and functions.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case "string":
      if (SURROGATE.test(value) && LONE_SURROGATE.test(value))
        throw new TypeError("canonical JSON has no form for a lone surrogate");
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`canonical JSON has no form for ${value}`);
      return JSON.stringify(value);
    case "boolean":
      return value ? "true" : "false";
    case "object": {
      if (value === null) return "null";
      let text = "";
      if (Array.isArray(value)) {
        for (const item of value) text += `${text === "" ? "" : ","}${canonicalJson(item)}`;
        return `[${text}]`;
      }
      for (const key of Object.keys(value).sort()) {
        const member = (value as Record<string, unknown>)[key];
        if (member !== undefined) text += `${text === "" ? "" : ","}${canonicalJson(key)}:${canonicalJson(member)}`;
      }
      return `{${text}}`;
    }
    default:
      throw new TypeError(`canonical JSON has no form for a ${typeof value}`);
  }
}

/** A digest as written everywhere: 64 lower-case hex digits of SHA-256. */
export const DIGEST_PATTERN = "^[0-9a-f]{64}$";

export const sha256Hex = (text: string): string => bytesToHex(sha256(utf8ToBytes(text)));

/** SHA-256 over the RFC 8785 form. */
export const digestOf = (value: unknown): string => sha256Hex(canonicalJson(value));
