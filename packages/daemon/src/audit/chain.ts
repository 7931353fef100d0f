import { createHash } from "node:crypto";
import { canonicalJson } from "orchestrator-core";

/**
 * An entry of the audit log: one line of canonical JSON (RFC 8785). `hash` is the SHA-256 of the entry without it;
 * `prev` is the `hash` of the entry before, so that nothing can be changed, taken out or put in without changing all
 * that follows. What was cut off at the end shows only to somebody who noted a later head.
 */
export interface Entry {
  readonly seq: number;
  readonly at: string;
  readonly type: string;
  readonly prev: string;
  readonly hash: string;
  readonly [fact: string]: unknown;
}

/** What an entry says, beside its place in the chain. */
export type Facts = Readonly<Record<string, unknown>> & { readonly type: string };

/** The newest entry: what the next one is chained to. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
}

export const BEGIN: Head = { seq: 0, hash: "0".repeat(64) };

export function nextEntry(head: Head, at: string, facts: Facts): { readonly line: string; readonly head: Head } {
  const entry = { ...facts, seq: head.seq + 1, at, prev: head.hash };
  const hash = sha256(canonicalJson(entry));
  return { line: `${canonicalJson({ ...entry, hash })}\n`, head: { seq: entry.seq, hash } };
}

/** The entry of a line, if it is one, byte for byte. Whether it belongs where it stands, its neighbours say. */
export function readEntry(line: Buffer): Entry | null {
  const text = line.toString("utf8");
  let entry: Entry;
  try {
    entry = JSON.parse(text) as Entry;
    if (typeof entry !== "object" || entry === null || canonicalJson(entry) !== text) return null;
    const { hash, ...rest } = entry;
    return sha256(canonicalJson(rest)) === hash && Number.isSafeInteger(entry.seq) ? entry : null;
  } catch {
    return null;
  }
}

export const follows = (head: Head, entry: Entry): boolean => entry.seq === head.seq + 1 && entry.prev === head.hash;

export const sha256 = (bytes: string | Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** What a crash left of an entry that nobody was answered for. It stays; the next entry names its bytes. */
export const sealOf = (torn: Buffer): Facts => ({ type: "sealed", bytes: torn.length, sha256: sha256(torn) });

/** Files of the log, in order: `<seq of the first entry>.jsonl`. */
export const segmentName = (seq: number): string => `${String(seq).padStart(12, "0")}.jsonl`;
export const isSegment = (name: string): boolean => /^[0-9]{12}\.jsonl$/.test(name);
