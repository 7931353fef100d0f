import type { Recorded } from "orchestrator-core";
import { type Commit, CommitFailed, type JournalRow, type Store, type Submitted } from "../store/store.ts";

/**
 * Group commit. Events that are accepted while a commit is in flight go together into the next one, or into the
 * next ones where they are many.
 *
 * 1. One commit is in flight at a time; events of a run are stored in the order in which they were accepted.
 * 2. A caller is answered when its events are stored, never before.
 * 3. A conflict stored nothing: the same batch is tried again. After any other error the outcome is unknown: every
 *    waiting caller fails with it, and nothing is accepted any more.
 */
export class Committer {
  readonly #store: Pick<Store, "commit">;
  readonly #onStored: (events: ReadonlyMap<string, readonly Recorded[]>) => void;
  readonly #onBroken: (failure: CommitFailed) => void;
  /** Never empty: events go into the last, the first is stored next. */
  readonly #batches: Batch[] = [new Batch()];
  #inFlight: Batch | null = null;
  #broken: CommitFailed | null = null;
  #number: number;

  constructor(
    store: Pick<Store, "commit" | "commit_max">,
    onStored: (events: ReadonlyMap<string, readonly Recorded[]>) => void,
    onBroken: (failure: CommitFailed) => void,
  ) {
    this.#store = store;
    this.#onStored = onStored;
    this.#onBroken = onBroken;
    this.#number = store.commit_max;
  }

  get broken(): CommitFailed | null {
    return this.#broken;
  }

  /** Resolves when the events are stored. Throws `CommitFailed` where that is not known. */
  add(
    run_id: string,
    events: readonly Recorded[],
    extra: { submitted?: Submitted; reopened?: boolean } = {},
  ): Promise<void> {
    if (this.#broken) return Promise.reject(this.#broken);
    if (this.#last.weight > WEIGHT_MAX) this.#batches.push(new Batch());
    const batch = this.#last;
    batch.add(run_id, events);
    if (extra.submitted) batch.submitted.push(extra.submitted);
    if (extra.reopened) batch.reopened.push(run_id);
    return this.barrier();
  }

  get #last(): Batch {
    return this.#batches.at(-1)!;
  }

  /** Resolves when all that was accepted until now is stored: what was read from memory may then be shown. */
  barrier(): Promise<void> {
    if (this.#broken) return Promise.reject(this.#broken);
    if (!this.#last.empty) {
      const { stored } = this.#last;
      if (this.#inFlight === null) queueMicrotask(() => void this.#run());
      return stored;
    }
    return this.#inFlight?.stored ?? Promise.resolve();
  }

  async #run(): Promise<void> {
    while (this.#inFlight === null && !this.#batches[0]!.empty && this.#broken === null) {
      const batch = this.#batches.shift()!;
      if (this.#batches.length === 0) this.#batches.push(new Batch());
      this.#inFlight = batch;
      try {
        await this.#commit(batch);
      } catch (error) {
        this.#break(error, batch);
        return;
      }
      this.#inFlight = null;
      this.#onStored(batch.events);
      batch.resolve();
    }
  }

  async #commit(batch: Batch): Promise<void> {
    const commit = batch.commit(++this.#number);
    for (;;) {
      try {
        return await this.#store.commit(commit);
      } catch (error) {
        if (!(error instanceof CommitFailed && error.outcome === "conflict")) throw error;
      }
    }
  }

  #break(error: unknown, batch: Batch): void {
    const failure =
      error instanceof CommitFailed ? error : new CommitFailed("unknown", String(error), { cause: error });
    this.#broken = failure;
    this.#inFlight = null;
    batch.reject(failure);
    for (const waiting of this.#batches) waiting.reject(failure);
    this.#onBroken(failure);
  }
}

/** Rough bytes of events in one commit: transactions stay below a few megabytes, but for one large transition. */
const WEIGHT_MAX = 4 * 1024 * 1024;
const EVENT_WEIGHT = 200;

class Batch {
  weight = 0;
  readonly events = new Map<string, Recorded[]>();
  readonly submitted: Submitted[] = [];
  readonly reopened: string[] = [];
  readonly stored: Promise<void>;
  resolve!: () => void;
  reject!: (failure: CommitFailed) => void;

  constructor() {
    this.stored = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // a batch may break with nobody waiting for it
    this.stored.catch(() => {});
  }

  get empty(): boolean {
    return this.events.size === 0;
  }

  add(run_id: string, events: readonly Recorded[]): void {
    for (const event of events)
      this.weight += EVENT_WEIGHT + ("result" in event ? outputsLength(event.result.outputs) : 0);
    const held = this.events.get(run_id);
    if (held) held.push(...events);
    else this.events.set(run_id, [...events]);
  }

  commit(number: number): Commit {
    const rows: JournalRow[] = [];
    for (const [run_id, events] of this.events) {
      const first = events[0];
      const last = events.at(-1);
      if (first === undefined || last === undefined) continue;
      rows.push({ run_id, first_seq: first.seq, last_seq: last.seq, events: JSON.stringify(events) });
    }
    return { number, rows, submitted: this.submitted, reopened: this.reopened };
  }
}

function outputsLength(outputs: Readonly<Record<string, string>>): number {
  let length = 0;
  for (const name in outputs) length += outputs[name]!.length;
  return length;
}
