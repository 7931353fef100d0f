import { once } from "node:events";
import { createReadStream, existsSync, fstatSync } from "node:fs";
import { constants, type FileHandle, open } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bundlePath, type Input, nextLogName, ProblemError } from "orchestrator-core";
import { drained, STUCK_MS } from "./streams.ts";

/** A file of a bundle, by ids only. */
type FileAsked = Input<"readFile">["params"];

const headersOf = (state: FoundFile["state"]): Readonly<Record<string, string>> => ({
  "content-type": "application/octet-stream",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; sandbox",
  "cache-control": "no-store",
  "x-bundle-state": state,
});

/** A file of a bundle. While it is being written, what is there so far. */
export async function sendFile(
  runs: string,
  file: FileAsked,
  range: string | undefined,
  response: ServerResponse,
): Promise<void> {
  const { handle, state } = await openFile(runs, file);
  try {
    const { size } = await handle.stat();
    const { from, to } = readRange(range, size);
    response.writeHead(range === undefined ? 200 : 206, {
      ...headersOf(state),
      "content-length": to - from,
      "content-disposition": `attachment; filename="${file.name}"`,
      "accept-ranges": "bytes",
      "content-range": `bytes ${to > from ? `${from}-${to - 1}` : "*"}/${size}`,
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
    response.writeHead(200, headersOf(state));
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

interface FoundFile {
  readonly handle: FileHandle;
  readonly state: "published" | "open" | "incomplete";
}

async function openFile(runs: string, { run_id, stage_id, exec_id, name }: FileAsked): Promise<FoundFile> {
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
