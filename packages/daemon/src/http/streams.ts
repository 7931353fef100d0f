import { once } from "node:events";
import { createReadStream, existsSync, fstatSync } from "node:fs";
import { constants, type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { bundlePath, nextLogName, ProblemError, type Recorded } from "orchestrator-core";
import type { Owner } from "../owner/owner.ts";

const KEEP_ALIVE_MS = 15_000;
/** A reader that takes nothing for so long is let go. It comes back with `Last-Event-ID` and misses nothing. */
const STUCK_MS = 60_000;

/** Server-sent events: `id` is the event's seq, so `Last-Event-ID` resumes without a gap or a repeat. */
export async function streamEvents(
  owner: Owner,
  run_id: string,
  after_seq: number,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const events = owner.events(run_id, after_seq, signal);
  // fails before the head is sent, so that an unknown run is a problem and not an empty stream
  await owner.mustKnow(run_id);
  let next = events.next();
  const first = await Promise.race([next, new Promise<null>((resolve) => setImmediate(resolve, null))]);
  response.writeHead(200, {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.write(": events of a run\n\n");
  response.setTimeout(STUCK_MS, () => response.destroy());
  const alive = setInterval(() => {
    if (!response.writableNeedDrain) response.write(": still here\n\n");
  }, KEEP_ALIVE_MS);
  try {
    for (let step = first ?? (await next); !step.done; step = await next) {
      const room = response.write(textOf(step.value));
      if (!room && !signal.aborted) await drained(response);
      next = events.next();
    }
  } finally {
    clearInterval(alive);
    response.end();
  }
}

/** Of a portion that many are told, made once. */
const texts = new WeakMap<readonly Recorded[], Buffer>();

function textOf(portion: readonly Recorded[]): Buffer {
  let text = texts.get(portion);
  if (text === undefined) {
    const events = portion.map((event) => `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    text = Buffer.from(events.join(""));
    texts.set(portion, text);
  }
  return text;
}

/** Resolves when there is room again, or when the reader is gone. Leaves no listener behind, however often it waits. */
export async function drained(response: ServerResponse): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  try {
    await Promise.race([once(response, "drain", { signal }), once(response, "close", { signal })]);
  } finally {
    over.abort();
  }
}

/** A file of a bundle, by ids only. */
export interface FileAsked {
  readonly run_id: string;
  readonly stage_id: string;
  readonly exec_id: string;
  readonly name: string;
}

/** A file of a bundle. While it is being written, what is there so far. */
export async function sendFile(
  runs: string,
  file: FileAsked,
  range: string | undefined,
  response: ServerResponse,
): Promise<void> {
  const { name } = file;
  const { handle, state } = await openFile(runs, file);
  try {
    const { size } = await handle.stat();
    const { from, to } = readRange(range, size);
    response.writeHead(range === undefined ? 200 : 206, {
      "content-type": "application/octet-stream",
      "content-length": to - from,
      "content-disposition": `attachment; filename="${name}"`,
      "accept-ranges": "bytes",
      "content-range": `bytes ${to > from ? `${from}-${to - 1}` : "*"}/${size}`,
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; sandbox",
      "cache-control": "no-store",
      "x-bundle-state": state,
    });
    if (to > from && !response.destroyed) {
      const stream = createReadStream("", { fd: handle.fd, autoClose: false, start: from, end: to - 1 });
      stream.pipe(response, { end: false });
      await Promise.race([once(stream, "end"), once(response, "close")]);
    }
    response.end();
  } finally {
    await handle.close();
  }
}

/** How often a log that is followed is looked at. */
const LOOK_MS = 200;
/** A reader of a log to which nothing comes for so long is let go, before anybody on the way takes it for dead. It asks again. */
const QUIET_MS = 30_000;
const PORTION = 64 * 1024;

/** A file of a bundle from byte `from` on, and what comes, until no more can. */
export async function followFile(
  runs: string,
  file: FileAsked,
  from: number,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { handle, state } = await openFile(runs, file);
  try {
    const { size } = await handle.stat();
    if (from > size) throw rangeInvalid(`byte ${from}`, size);
    response.writeHead(200, {
      "content-type": "application/octet-stream",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; sandbox",
      "cache-control": "no-store",
      "x-bundle-state": state,
    });
    response.flushHeaders();
    response.setTimeout(STUCK_MS, () => response.destroy());
    let at = from;
    for (let quiet_ms = 0; quiet_ms < QUIET_MS && !signal.aborted; quiet_ms += LOOK_MS) {
      // looked at before the size: what was written until then is sent below
      const whole = state !== "open" || isWhole(runs, file);
      const end = fstatSync(handle.fd).size;
      if (at < end) quiet_ms = 0;
      while (at < end && !signal.aborted) {
        const length = Math.min(PORTION, end - at);
        const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(length), 0, length, at);
        if (bytesRead === 0) break;
        at += bytesRead;
        if (!response.write(buffer.subarray(0, bytesRead))) await drained(response);
      }
      if (whole) break;
      await sleep(LOOK_MS);
    }
    response.end();
  } finally {
    await handle.close();
  }
}

/**
 * Nothing more is written into a file once its bundle is closed, or the next command has a log: one runs after the other.
 * Looks at once, as all that is done for each reader several times a second: a detour through other threads costs many times more.
 */
function isWhole(runs: string, { run_id, stage_id, exec_id, name }: FileAsked): boolean {
  const open = openBundle(runs, run_id, stage_id, exec_id);
  const next = nextLogName(name);
  return !existsSync(open) || (next !== null && existsSync(join(open, next)));
}

const openBundle = (runs: string, run_id: string, stage_id: string, exec_id: string): string =>
  join(runs, bundlePath(run_id, stage_id, exec_id), "..", `.tmp-${exec_id}`);

async function openFile(
  runs: string,
  { run_id, stage_id, exec_id, name }: FileAsked,
): Promise<{ handle: FileHandle; state: "published" | "open" | "incomplete" }> {
  const published = join(runs, bundlePath(run_id, stage_id, exec_id));
  const parent = join(published, "..");
  const places = [
    [published, "published"],
    [openBundle(runs, run_id, stage_id, exec_id), "open"],
    [join(parent, `${exec_id}.incomplete`), "incomplete"],
    // published between the first look and the second
    [published, "published"],
  ] as const;
  for (const [directory, place] of places) {
    try {
      const handle = await open(
        join(directory, name),
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      );
      if ((await handle.stat()).isFile()) return { handle, state: place };
      await handle.close();
    } catch (error) {
      // ELOOP: a link, which is never followed
      if (!["ENOENT", "ELOOP", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
  throw new ProblemError({ code: "file-unknown", message: `exec ${exec_id} has no file ${name}` });
}

/** `bytes=FROM-` and `bytes=FROM-TO`. FROM may equal the size: nothing more is there yet. */
function readRange(range: string | undefined, size: number): { from: number; to: number } {
  if (range === undefined) return { from: 0, to: size };
  const match = /^bytes=([0-9]{1,15})-([0-9]{0,15})$/.exec(range);
  const from = Number(match?.[1] ?? Number.NaN);
  const to = match?.[2] ? Math.min(Number(match[2]) + 1, size) : size;
  if (match === null || from > size || (match[2] !== "" && Number(match[2]) < from)) {
    throw rangeInvalid(`range ${range}`, size);
  }
  return { from, to: Math.max(from, to) };
}

const rangeInvalid = (what: string, size: number): ProblemError =>
  new ProblemError({ code: "range-invalid", message: `${what} does not fit a file of ${size} bytes` });
