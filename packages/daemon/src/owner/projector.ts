import { assert, type Clock, isSettled, type MemoryRun } from "orchestrator-core";
import type { Portion, Store } from "../store/store.ts";
import { runRecord, stageRecords } from "./records.ts";

/**
 * Brings the records up to the journal, behind the acknowledgements.
 *
 * 1. A portion is built from memory and written only after all that memory had accepted is stored, so records
 *    never show what a crash could take back.
 * 2. The records of one stage_run are written in one transaction with `projected_seq`: after a crash it is known
 *    which of them exist.
 * 3. The last state wins: a stage that settles before it was ever projected costs three inserts and its edges.
 *    So settled stages go first; the others wait until the daemon is quiet, or for `UNSETTLED_MS` at most.
 * 4. Portions are bounded, and small while other work waits for the same store; what waits is bounded by the runs in
 *    memory, since nothing is queued but numbers.
 */
const DELAY_MS = 100;
const QUIET_MS = 60;
const UNSETTLED_MS = 1_000;
const PORTION_ROWS = 240;
/** Five times as many rows take the store two thirds of the time a row, and up to 80 ms at a stretch. */
const PORTION_ROWS_QUIET = 1_200;

interface Waiting {
  readonly run: MemoryRun;
  /** By stage number: the seq its records are at; -1 where it has none. */
  readonly at: Int32Array;
  run_exists: boolean;
  readonly settled: Set<number>;
  readonly unsettled: Set<number>;
  headChanged: boolean;
  since: number;
}

export interface ProjectorPorts {
  readonly store: Pick<Store, "project" | "projected">;
  readonly clock: Clock;
  /** Resolves when all that memory has accepted is stored. */
  readonly barrier: () => Promise<void>;
  /** The run has settled and its records are complete: its owner may forget it. */
  readonly onComplete: (run: MemoryRun) => void;
  readonly onBroken: (error: unknown) => void;
}

export class Projector {
  readonly #ports: ProjectorPorts;
  readonly #waiting = new Map<string, Waiting>();
  #backlog = 0;
  #changedAt = 0;
  #armed = false;
  #working: Promise<void> | null = null;
  #stopped = false;
  readonly #drained: (() => void)[] = [];

  constructor(ports: ProjectorPorts) {
    this.#ports = ports;
  }

  /** How many stage_runs wait to be written. */
  get backlog(): number {
    return this.#backlog;
  }

  /** A run that was just created: it has no records. */
  create(run: MemoryRun): void {
    this.#watch(run, new Int32Array(run.plan.stages.length).fill(-1), false);
  }

  /** A run that was loaded from its journal: asks the store how far its records are. */
  async load(run: MemoryRun): Promise<void> {
    const projected = await this.#ports.store.projected(run.run_id);
    const at = new Int32Array(run.plan.stages.length).fill(-1);
    for (const [stage_id, seq] of projected?.stages ?? []) at[run.plan.numbers.get(stage_id)!] = seq;
    this.#watch(run, at, projected !== null);
  }

  #watch(run: MemoryRun, at: Int32Array, run_exists: boolean): void {
    const since = this.#ports.clock.now();
    const waiting: Waiting = {
      run,
      at,
      run_exists,
      settled: new Set(),
      unsettled: new Set(),
      headChanged: true,
      since,
    };
    this.#waiting.set(run.run_id, waiting);
    for (const { number } of run.plan.stages)
      if (run.stage(number).changed_seq > at[number]!) this.#mark(waiting, number);
    this.#arm();
  }

  /** Stages of a run changed. */
  mark(run: MemoryRun, numbers: Iterable<number>): void {
    const waiting = this.#waiting.get(run.run_id);
    assert(waiting !== undefined, `the projector knows run ${run.run_id}`);
    if (!waiting.headChanged) waiting.since = this.#ports.clock.now();
    waiting.headChanged = true;
    for (const number of numbers) this.#mark(waiting, number);
    this.#changedAt = this.#ports.clock.now();
    this.#arm();
  }

  #mark({ run, settled, unsettled }: Waiting, number: number): void {
    const before = settled.size + unsettled.size;
    const goes = isSettled(run.stage(number).state.status);
    (goes ? settled : unsettled).add(number);
    (goes ? unsettled : settled).delete(number);
    this.#backlog += settled.size + unsettled.size - before;
  }

  #arm(): void {
    if (this.#armed || this.#working || this.#stopped) return;
    this.#armed = true;
    this.#ports.clock.after(DELAY_MS, () => {
      this.#armed = false;
      if (!this.#working && !this.#stopped) void this.#work(false);
    });
  }

  /** Writes all that waits, and resolves when it is written. */
  async drain(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#stopped) {
      await (this.#working ?? this.#work(true));
      if (![...this.#waiting.values()].some((waiting) => waiting.headChanged)) return;
    }
  }

  /** Resolves when fewer than `limit` stage_runs wait. */
  async below(limit: number): Promise<void> {
    while (this.#backlog >= limit && !this.#stopped) {
      await new Promise<void>((resolve) => this.#drained.push(resolve));
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #work(everything: boolean): Promise<void> {
    this.#working = this.#workThrough(everything)
      .catch((error: unknown) => {
        this.stop();
        this.#ports.onBroken(error);
      })
      .finally(() => {
        this.#working = null;
        if ([...this.#waiting.values()].some((waiting) => waiting.headChanged)) this.#arm();
      });
    return this.#working;
  }

  async #workThrough(everything: boolean): Promise<void> {
    // a portion of each run in turn: none waits for the end of another
    for (let again = true; again; ) {
      again = false;
      for (const waiting of this.#waiting.values()) {
        if (!waiting.headChanged || this.#stopped) continue;
        const now = this.#ports.clock.now();
        const all = everything || this.#isQuiet() || now - waiting.since >= UNSETTLED_MS;
        if (waiting.settled.size === 0 && !all) continue;
        await this.#writePortion(waiting, all);
        again = true;
      }
    }
  }

  /** No run has changed for a while. */
  #isQuiet(): boolean {
    return this.#ports.clock.now() - this.#changedAt >= QUIET_MS;
  }

  /** `all`: what has not settled goes as well. */
  async #writePortion(waiting: Waiting, all: boolean): Promise<void> {
    const { run, at } = waiting;
    const rows_max = this.#isQuiet() ? PORTION_ROWS_QUIET : PORTION_ROWS;
    const stages: Portion["stages"][number][] = [];
    const jobs: Portion["jobs"][number][] = [];
    const artifacts: Portion["artifacts"][number][] = [];
    const taken: [number, number][] = [];
    let rows = 1;
    for (const from of all ? [waiting.settled, waiting.unsettled] : [waiting.settled]) {
      for (const number of from) {
        if (rows >= rows_max) break;
        const records = stageRecords(run, number, at[number]!);
        stages.push(records.stage);
        jobs.push(...records.jobs);
        artifacts.push(...records.artifacts);
        rows += 1 + records.jobs.length + records.artifacts.length + records.stage.requires.length;
        taken.push([number, run.stage(number).changed_seq]);
        from.delete(number);
      }
    }
    this.#backlog -= taken.length;
    const rest = waiting.settled.size + waiting.unsettled.size;
    const complete = rest === 0 && run.head.status !== "running";
    if (rest === 0) waiting.headChanged = false;
    // with `complete` in flight the run is forgotten: a retry waits and loads it anew
    if (complete) this.#waiting.delete(run.run_id);
    const record = runRecord(run);
    await this.#ports.barrier();
    await this.#ports.store.project({ run: record, run_exists: waiting.run_exists, stages, jobs, artifacts, complete });
    waiting.run_exists = true;
    for (const [number, seq] of taken) at[number] = seq;
    if (complete) this.#ports.onComplete(run);
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  /** The run's last portion is on its way. */
  isCompleting(run_id: string): boolean {
    return !this.#waiting.has(run_id);
  }
}
