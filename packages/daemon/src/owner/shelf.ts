import { type Clock, type MemoryRun, ProblemError } from "orchestrator-core";
import type { Store } from "../store/store.ts";
import { loadRun, type Plans, RunUnreadable } from "./load.ts";

/** Finished runs that stay in memory, the last that were asked for. */
const FINISHED_MAX = 64;

/**
 * Runs in and out of memory. Active ones are all here; finished ones are read from the journal when somebody asks, and
 * the last few stay. A run that cannot be read is set aside with its error, and the others go on.
 */
export class Shelf {
  readonly active = new Map<string, MemoryRun>();
  readonly #finished = new Map<string, MemoryRun>();
  readonly #quarantined = new Map<string, string>();
  readonly #store: Store;
  readonly #plans: Plans;
  readonly #clock: Clock;

  constructor(store: Store, plans: Plans, clock: Clock) {
    this.#store = store;
    this.#plans = plans;
    this.#clock = clock;
  }

  isQuarantined = (run_id: string): boolean => this.#quarantined.has(run_id);

  /** Loads an active run. Returns the error where it cannot be read. */
  async load(run_id: string): Promise<MemoryRun | RunUnreadable> {
    try {
      const run = await loadRun(this.#store, this.#plans, run_id, this.#clock.now());
      if (run === null) throw new RunUnreadable("it has no journal");
      this.active.set(run_id, run);
      return run;
    } catch (error) {
      if (!(error instanceof RunUnreadable)) throw error;
      this.#quarantined.set(run_id, error.message);
      return error;
    }
  }

  async find(run_id: string): Promise<MemoryRun> {
    const run = this.#here(run_id);
    if (run !== undefined) return run;
    const error = this.#quarantined.get(run_id);
    if (error !== undefined) {
      throw new ProblemError({
        code: "run-quarantined",
        message: `run ${run_id} was set aside when the daemon started: ${error}`,
        hint: "the other runs go on; its bundles and its journal are untouched",
      });
    }
    let loaded: MemoryRun | null;
    try {
      loaded = await loadRun(this.#store, this.#plans, run_id, this.#clock.now());
    } catch (failure) {
      if (!(failure instanceof RunUnreadable)) throw failure;
      throw new ProblemError({ code: "run-quarantined", message: `run ${run_id} cannot be read: ${failure.message}` });
    }
    // it may have become active, or been loaded by another, while the journal was read
    const meanwhile = this.#here(run_id);
    if (meanwhile !== undefined) return meanwhile;
    if (loaded === null) throw new ProblemError({ code: "run-unknown", message: `no run has the id ${run_id}` });
    this.#remember(loaded);
    return loaded;
  }

  #here = (run_id: string): MemoryRun | undefined => this.active.get(run_id) ?? this.#finished.get(run_id);

  /** It runs again. */
  activate(run: MemoryRun): void {
    this.#finished.delete(run.run_id);
    this.active.set(run.run_id, run);
  }

  /** It has settled, and its records are complete. */
  finish(run: MemoryRun): void {
    this.active.delete(run.run_id);
    this.#remember(run);
  }

  #remember(run: MemoryRun): void {
    this.#finished.delete(run.run_id);
    this.#finished.set(run.run_id, run);
    for (const oldest of this.#finished.keys()) {
      if (this.#finished.size <= FINISHED_MAX) return;
      this.#finished.delete(oldest);
    }
  }
}
