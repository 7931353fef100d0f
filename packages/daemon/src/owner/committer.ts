import type { Recorded } from "orchestrator-core";
import { type Commit, CommitFailed, type JournalRow, type Store, type Submitted } from "../store/store.ts";

/**
 * Group commit. Events that are accepted while a commit is in flight go together into the next one.
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
  #batch = new Batch();
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
    this.#batch.add(run_id, events);
    if (extra.submitted) this.#batch.submitted.push(extra.submitted);
    if (extra.reopened) this.#batch.reopened.push(run_id);
    return this.barrier();
  }

  /** Resolves when all that was accepted until now is stored: what was read from memory may then be shown. */
  barrier(): Promise<void> {
    if (this.#broken) return Promise.reject(this.#broken);
    if (!this.#batch.empty) {
      const { stored } = this.#batch;
      if (this.#inFlight === null) queueMicrotask(() => void this.#run());
      return stored;
    }
    return this.#inFlight?.stored ?? Promise.resolve();
  }

  async #run(): Promise<void> {
    while (this.#inFlight === null && !this.#batch.empty && this.#broken === null) {
      const batch = this.#batch;
      this.#batch = new Batch();
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
    this.#batch.reject(failure);
    this.#onBroken(failure);
  }
}

class Batch {
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
