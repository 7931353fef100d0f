import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { BEGIN, type Facts, type Head, isSegment, nextEntry, readEntry, sealOf, segmentName } from "./chain.ts";

/** The files of the log as its one writer sees them. Only ever appended to. */
export interface Segments {
  readonly head: Head;
  /** Written when it returns; on the disk when the promise resolves, if `synced`. */
  append(entries: readonly { readonly at: string; readonly facts: Facts }[], synced: boolean): Promise<void>;
  /** Once nothing is being synced any more. */
  close(): Promise<void>;
}

const sync = promisify(fdatasync);
const SEGMENT_BYTES_MAX = 8 * 1024 * 1024;

/** Opens the log behind its last whole entry; what a crash tore off there is sealed. */
export function openSegments(directory: string, at: string): Segments {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const names = readdirSync(directory).filter(isSegment).sort();
  const name = names.at(-1) ?? segmentName(1);
  const bytes = names.length === 0 ? Buffer.alloc(0) : readFileSync(join(directory, name));
  const last = lastEntry(bytes);
  let head = last.head ?? headBefore(directory, names);
  let fd = openSync(join(directory, name), "a", 0o600);
  let size = bytes.length;
  const syncing = new Set<Promise<void>>();

  const syncDirectory = (): void => {
    const of = openSync(directory, "r");
    fsyncSync(of);
    closeSync(of);
  };

  const write = (text: string): void => {
    const data = Buffer.from(text);
    for (let done = 0; done < data.length; ) done += writeSync(fd, data, done);
    size += data.length;
  };

  const segments: Segments = {
    get head() {
      return head;
    },
    async append(entries, synced) {
      if (size > SEGMENT_BYTES_MAX && syncing.size === 0) {
        fdatasyncSync(fd);
        const next = openSync(join(directory, segmentName(head.seq + 1)), "ax", 0o600);
        closeSync(fd);
        fd = next;
        size = 0;
        syncDirectory();
      }
      let now = head;
      let text = "";
      for (const { at: when, facts } of entries) {
        const entry = nextEntry(now, when, facts);
        text += entry.line;
        now = entry.head;
      }
      write(text);
      head = now;
      if (!synced) return;
      // beside other work: agents do not wait for it
      const synced_then = sync(fd);
      syncing.add(synced_then);
      await synced_then.finally(() => syncing.delete(synced_then));
    },
    async close() {
      await Promise.allSettled(syncing);
      try {
        fdatasyncSync(fd);
      } finally {
        closeSync(fd);
      }
    },
  };
  const torn = bytes.subarray(last.end);
  const ended = bytes.length === 0 || bytes.at(-1) === 10;
  if (!ended) write("\n");
  if (torn.length > 0) void segments.append([{ at, facts: sealOf(ended ? torn.subarray(0, -1) : torn) }], false);
  fdatasyncSync(fd);
  syncDirectory();
  return segments;
}

/** The last whole entry of a file, and where it ends, its line end included. */
function lastEntry(bytes: Buffer): { readonly head: Head | null; readonly end: number } {
  for (let end = bytes.length; end > 0; ) {
    const line_end = bytes[end - 1] === 10 ? end - 1 : end;
    const begin = line_end === 0 ? 0 : bytes.lastIndexOf(10, line_end - 1) + 1;
    const entry = readEntry(bytes.subarray(begin, line_end));
    if (entry !== null) return { head: { seq: entry.seq, hash: entry.hash }, end };
    end = begin;
  }
  return { head: null, end: 0 };
}

/** Of the files before the last, where that has no whole entry. */
function headBefore(directory: string, names: readonly string[]): Head {
  for (const name of names.slice(0, -1).reverse()) {
    const { head } = lastEntry(readFileSync(join(directory, name)));
    if (head !== null) return head;
  }
  return BEGIN;
}
