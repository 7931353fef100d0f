import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BEGIN, type Entry, follows, type Head, isSegment, readEntry, sealOf } from "./chain.ts";

/** What is wrong with the log, and where: the file, and its line from 1. */
export interface Finding {
  readonly status: "incomplete" | "tampered";
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

export interface AuditReport {
  readonly entries: number;
  /** Ends that a crash tore, and that the next start sealed. No entry that was answered for is lost in one. */
  readonly sealed: number;
  readonly head: Head;
  readonly findings: readonly Finding[];
}

const FINDINGS_MAX = 20;

/** Reads the whole log. `noted`: a head that somebody wrote down earlier; it must be among the entries. */
export function verifyAudit(directory: string, noted: Head | null = null): AuditReport {
  const findings: Finding[] = [];
  let head: Head = BEGIN;
  let entries = 0;
  let sealed = 0;
  let notedFound = noted === null || noted.seq === 0;

  for (const file of readdirSync(directory).filter(isSegment).sort()) {
    const bytes = readFileSync(join(directory, file));
    let line = 0;
    /** Where bytes began that are no entry. */
    let odd: { readonly at: number; readonly line: number } | null = null;
    const found = (status: Finding["status"], at_line: number, message: string): void => {
      if (findings.length < FINDINGS_MAX) findings.push({ status, file, line: at_line, message });
    };

    for (let at = 0; at < bytes.length; ) {
      line++;
      const newline = bytes.indexOf(10, at);
      const entry = newline < 0 ? null : readEntry(bytes.subarray(at, newline));
      if (entry === null) {
        odd ??= { at, line };
        if (newline < 0) break;
        at = newline + 1;
        continue;
      }
      const torn: Buffer | null = odd === null ? null : bytes.subarray(odd.at, at - 1);
      if (odd === null) {
        if (!follows(head, entry)) {
          const { status, message } = breakOf(head, entry, entries === 0);
          found(status, line, message);
        }
      } else if (follows(head, entry) && isSealOf(entry, torn!)) {
        sealed++;
        if (torn!.includes(10)) found("incomplete", odd.line, `${torn!.length} bytes were lost in a crash, and sealed`);
      } else found("tampered", odd.line, "this line is not as it was written");
      odd = null;
      head = { seq: entry.seq, hash: entry.hash };
      if (noted?.seq === entry.seq && noted.hash === entry.hash) notedFound = true;
      entries++;
      at = newline + 1;
    }
    if (odd !== null) {
      const last = bytes.indexOf(10, odd.at) < 0;
      if (last) found("incomplete", odd.line, "the last line is torn; the next start of the daemon seals it");
      else found("tampered", odd.line, "this line is not as it was written");
    }
  }
  if (!notedFound) {
    findings.push({
      status: "tampered",
      file: "",
      line: 0,
      message: `entry ${noted!.seq} with the hash ${noted!.hash} is not in the log`,
    });
  }
  return { entries, sealed, head, findings };
}

function breakOf(head: Head, { seq }: Entry, first: boolean): Pick<Finding, "status" | "message"> {
  if (first && seq > 1)
    return { status: "incomplete", message: `the log begins with entry ${seq}: earlier files are not here` };
  if (seq > head.seq + 1)
    return { status: "tampered", message: `entries ${head.seq + 1} to ${seq - 1} are missing before it` };
  if (seq <= head.seq) return { status: "tampered", message: `entry ${seq} stands behind entry ${head.seq}` };
  return { status: "tampered", message: `entry ${seq} is not chained to the entry before it` };
}

function isSealOf(entry: Entry, torn: Buffer): boolean {
  const wanted = sealOf(torn);
  return entry.type === wanted.type && entry.bytes === wanted.bytes && entry.sha256 === wanted.sha256;
}
