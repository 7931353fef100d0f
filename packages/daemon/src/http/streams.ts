import { once } from "node:events";
import { createReadStream } from "node:fs";
import { constants, type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { ServerResponse } from "node:http";
import { bundlePath, ProblemError } from "orchestrator-core";
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
      const { value } = step;
      const room = response.write(`id: ${value.seq}\nevent: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`);
      if (!room && !signal.aborted) await drained(response);
      next = events.next();
    }
  } finally {
    clearInterval(alive);
    response.end();
  }
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

/** A file of a bundle, found by ids only. While it is being written, what is there so far. */
export async function sendFile(
  runs: string,
  { run_id, stage_id, exec_id, name }: { run_id: string; stage_id: string; exec_id: string; name: string },
  range: string | undefined,
  response: ServerResponse,
): Promise<void> {
  const { handle, state } = await openFile(runs, bundlePath(run_id, stage_id, exec_id), exec_id, name);
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

async function openFile(
  state: string,
  bundle: string,
  exec_id: string,
  name: string,
): Promise<{ handle: FileHandle; state: "published" | "open" | "incomplete" }> {
  const published = join(state, bundle);
  const parent = join(published, "..");
  const places = [
    [published, "published"],
    [join(parent, `.tmp-${exec_id}`), "open"],
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
    throw new ProblemError({ code: "range-invalid", message: `range ${range} does not fit a file of ${size} bytes` });
  }
  return { from, to: Math.max(from, to) };
}
