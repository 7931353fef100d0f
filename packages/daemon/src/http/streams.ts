import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Recorded } from "orchestrator-core";
import type { Owner } from "../owner/owner.ts";

const KEEP_ALIVE_MS = 15_000;
/** A reader that takes nothing for so long is let go. It comes back with `Last-Event-ID` and misses nothing. */
export const STUCK_MS = 60_000;

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
