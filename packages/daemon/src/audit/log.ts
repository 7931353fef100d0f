import { type Clock, ProblemError, rfc3339 } from "orchestrator-core";
import type { Facts } from "./chain.ts";
import { type Denial, makeDenials } from "./denials.ts";
import { openSegments, type Segments } from "./segments.ts";

/**
 * Who did what, and who was refused: what people, scripts and strangers asked of the daemon. What agents report stands
 * in the journal, which is synced before they are answered, and is not written twice.
 *
 * 1. An entry is in the file before the answer; of what concerns safety it is on the disk before.
 * 2. Entries that come in one turn are written and synced together.
 * 3. While the log cannot be written, nothing that belongs into it is carried out; the next attempt tries again.
 */
export interface Audit {
  /** Rejects with a problem where it cannot be written. */
  add(facts: Facts, synced: boolean): Promise<void>;
  denied(denial: Denial): Promise<void>;
  /** Throws a problem where the log could not be written last time, and still cannot. */
  mustWrite(): Promise<void>;
  close(): Promise<void>;
}

interface Waiting {
  readonly at: string;
  readonly facts: Facts;
  readonly synced: boolean;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export function openAudit(
  directory: string,
  {
    clock,
    onError,
    begin = null,
    open = openSegments,
  }: {
    readonly clock: Clock;
    readonly onError: (error: unknown) => void;
    /** Stands before the first entry of this life, if there will be one: who only looks something up writes none. */
    readonly begin?: Facts | null;
    readonly open?: typeof openSegments;
  },
): Audit {
  const now = (): string => rfc3339(clock.wall());
  let segments: Segments | null = open(directory, now());
  let waiting: Waiting[] = [];
  /** Entries of which it is not known whether they stand in the file. */
  let unsure = 0;
  let resuming: Promise<void> | null = null;
  let begun = begin === null;

  async function flush(): Promise<void> {
    const batch = waiting;
    waiting = [];
    if (batch.length === 0) return;
    try {
      segments ??= open(directory, now());
      await segments.append(
        batch,
        batch.some(({ synced }) => synced),
      );
      for (const { done } of batch) done();
    } catch (error) {
      // how much of it was written is unknown: the next attempt opens the file anew and seals what is torn
      unsure += batch.length;
      segments?.close().catch(() => {});
      segments = null;
      onError(error);
      for (const { failed } of batch) failed(error);
    }
  }

  const flushed = new Set<Promise<void>>();
  const flushSoon = (): void => {
    const flushing = flush().finally(() => flushed.delete(flushing));
    flushed.add(flushing);
  };

  function add(facts: Facts, synced: boolean): Promise<void> {
    // once this turn is over, so that what came in with it is synced together
    if (waiting.length === 0) setImmediate(flushSoon);
    if (!begun && begin !== null) {
      begun = true;
      waiting.push({ at: now(), facts: begin, synced, done: () => {}, failed: () => {} });
    }
    return new Promise((done, failed) => {
      waiting.push({ at: now(), facts, synced, done, failed });
    });
  }

  async function resume(): Promise<void> {
    const count = unsure;
    try {
      await add({ type: "resumed", unsure: count }, true);
      unsure -= count;
    } catch (error) {
      throw unwritable(error);
    }
  }

  const denials = makeDenials(clock, add);
  return {
    add: (facts, synced) =>
      add(facts, synced).catch((error: unknown) => {
        throw unwritable(error);
      }),
    denied: (denial) => denials.add(denial).catch(() => {}),
    async mustWrite() {
      if (unsure === 0) return;
      resuming ??= resume().finally(() => {
        resuming = null;
      });
      await resuming;
    },
    async close() {
      await denials.close().catch(() => {});
      await Promise.all([flush(), ...flushed]);
      await segments?.close();
    },
  };
}

const unwritable = (error: unknown): ProblemError =>
  new ProblemError({
    code: "not-accepting",
    message: `the audit log cannot be written: ${error instanceof Error ? error.message : String(error)}`,
    hint: "see that the disk of the state directory has room; what was asked may have been carried out",
  });
