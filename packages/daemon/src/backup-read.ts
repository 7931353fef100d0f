import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { ProblemError } from "orchestrator-core";
import {
  type BackupCounts,
  type BackupEnd,
  type BackupHeader,
  endForm,
  headerForm,
  itemForm,
  noCounts,
} from "./backup-format.ts";
import type { Flaw } from "./form.ts";
import type { ArchiveItem } from "./store/store.ts";

export interface BackupSummary {
  readonly header: BackupHeader;
  readonly counts: BackupCounts;
}

/** Reads a backup from its first byte to its last, and is satisfied with nothing less. Throws `ProblemError`. */
export async function checkBackup(file: string): Promise<BackupSummary> {
  const read = readBackup(file);
  for (;;) {
    const step = await read.next();
    if (step.done) return step.value;
  }
}

/** The items of a backup as they come. Only once it has returned is it known that they were all there, and unchanged. */
export async function* readBackup(file: string): AsyncGenerator<ArchiveItem, BackupSummary> {
  const hash = createHash("sha256");
  const counts = noCounts();
  let header: BackupHeader | null = null;
  let end: BackupEnd | null = null;
  let run_id: string | null = null;
  let number = 0;
  const invalid = (what: string): ProblemError =>
    new ProblemError({
      code: "backup-invalid",
      message: `${file} ${number === 0 ? "" : `line ${number} `}${what}`,
      hint: "nothing was restored from it; take another backup",
    });
  const check = (flaws: readonly Flaw[]): void => {
    const [flaw] = flaws;
    if (flaw !== undefined) throw invalid(`is no backup that this version reads: ${flaw.path} ${flaw.message}`);
  };

  for await (const line of linesOf(file)) {
    number++;
    if (line === null) throw invalid("is cut off");
    if (end !== null) throw invalid("comes after the end");
    const value = parse(line);
    if (value === null) throw invalid("is not JSON: the file is damaged, or is no backup");
    if (header === null) {
      check(headerForm(value));
      header = value as BackupHeader;
    } else if (value.kind === "end") {
      check(endForm(value));
      end = value as BackupEnd;
      continue;
    } else {
      check(itemForm(value));
      const item = value as ArchiveItem;
      if (item.kind === "run") ({ run_id } = item);
      if (item.kind === "journal" && item.run_id !== run_id)
        throw invalid(`is of run ${item.run_id}, out of its place`);
      counts[item.kind]++;
      if (item.kind === "journal") counts.events += item.last_seq - item.first_seq + 1;
      yield item;
    }
    hash.update(line).update("\n");
  }
  if (header === null) throw invalid("is empty");
  if (end === null) throw invalid("is cut off after this line");
  if (JSON.stringify(end.counts) !== JSON.stringify(counts)) throw invalid("has not the number of lines that it says");
  const sha256 = hash.digest("hex");
  if (end.sha256 !== sha256)
    throw invalid(`says SHA-256 ${end.sha256}, and what is before it has ${sha256}: it was changed`);
  return { header, counts };
}

function parse(line: Buffer): { readonly kind?: unknown } | null {
  try {
    const value: unknown = JSON.parse(line.toString("utf8"));
    return typeof value === "object" && value !== null ? value : null;
  } catch {
    return null;
  }
}

/** Lines as bytes, so that what is hashed is what is there. Null: the last one has no end. */
async function* linesOf(file: string): AsyncGenerator<Buffer | null> {
  let parts: Buffer[] = [];
  for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let to = chunk.indexOf(10); to >= 0; to = chunk.indexOf(10, from)) {
      yield Buffer.concat([...parts, chunk.subarray(from, to)]);
      parts = [];
      from = to + 1;
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  }
  if (parts.length > 0) yield null;
}
