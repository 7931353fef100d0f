import { isDeepStrictEqual } from "node:util";
import { type Run, runView, type StageRun, type StageState, why } from "orchestrator-core";
import {
  loadRun,
  type MemoryDisk,
  openMemoryStore,
  Plans,
  runRecord,
  stageRecords,
  type Store,
} from "orchestrator-daemon/parts";
import type { Answers } from "./answers.ts";
import type { Law } from "./law.ts";

/** I6: the store, loaded and replayed, equals memory; records equal those made anew. I10 for every stage. */
export class Recovery {
  readonly #law: Law;
  readonly #answers: Answers;
  readonly #disk: MemoryDisk;
  readonly #object: (checker: string, message: string) => void;
  /** Workflows do not change: each is read and its digest checked once. */
  readonly #plans: Plans;

  constructor(law: Law, answers: Answers, disk: MemoryDisk, object: (checker: string, message: string) => void) {
    this.#law = law;
    this.#answers = answers;
    this.#disk = disk;
    this.#object = object;
    this.#plans = new Plans({ workflow: async (digest) => disk.workflows.get(digest) ?? null });
  }

  /** Runs in memory of which everything is stored. Resolves within the turn: a copy of the disk answers at once. */
  async memory(runs: Iterable<Run>): Promise<void> {
    const store = this.#copy();
    const quiet = [...runs].filter((run) => this.#law.runs.get(run.run_id)?.seq === run.head.seq);
    for (const run of quiet) {
      this.#answers.view(runView(run));
      for (const { number, stage_id } of run.plan.stages) {
        this.#answers.why(run.run_id, stage_id, why(run, number, { now: 0, agents: [] }));
      }
    }
    // what is compared below is what stands in memory now
    const held = quiet.map((run) => ({ run_id: run.run_id, state: stateOf(run) }));
    for (const { run_id, state } of held) {
      const loaded = await loadRun(store, this.#plans, run_id, 0).catch((error: unknown) => {
        this.#object("I6", `run ${run_id} cannot be loaded: ${String(error)}`);
        return null;
      });
      if (loaded === null) continue;
      // loaded from further on, where memory has moved meanwhile
      if (loaded.head.seq !== state.head.seq) continue;
      const anew = stateOf(loaded);
      if (isDeepStrictEqual(state, anew)) continue;
      const stage = state.stages.findIndex((s, i) => !isDeepStrictEqual(s, anew.stages[i]));
      const [a, b] = stage < 0 ? [state.head, anew.head] : [state.stages[stage], anew.stages[stage]];
      this.#object("I6", `run ${run_id} in memory is ${JSON.stringify(a)}, loaded anew it is ${JSON.stringify(b)}`);
    }
  }

  /** The records, once caught up, equal those that a rebuild makes. */
  async rebuilt(): Promise<void> {
    const store = this.#copy();
    for (const run_id of this.#law.runs.keys()) {
      const run = await loadRun(store, this.#plans, run_id, 0);
      const records = this.#disk.records.get(run_id);
      if (run === null || records === undefined) {
        this.#object("I6", `run ${run_id} has no ${run === null ? "journal" : "records"}`);
        continue;
      }
      const same = (what: string, shown: unknown, right: unknown): void => {
        if (!isDeepStrictEqual(shown, right)) {
          this.#object("I6", `${what} of ${run_id} is ${JSON.stringify(shown)}, rebuilt ${JSON.stringify(right)}`);
        }
      };
      same("the run's record", records.run, runRecord(run));
      let jobs = 0;
      let artifacts = 0;
      for (const { number, stage_id } of run.plan.stages) {
        const anew = stageRecords(run, number, -1);
        same(`the record of ${stage_id}`, records.stages.get(stage_id), anew.stage.record);
        for (const { record } of anew.jobs) {
          jobs++;
          same(`a job of ${stage_id}`, records.jobs.get(`${stage_id}/${record.attempt}`), record);
        }
        for (const record of anew.artifacts) {
          artifacts++;
          same(`an artifact of ${stage_id}`, records.artifacts.get(record.exec_id), record);
        }
      }
      same("how many jobs", records.jobs.size, jobs);
      same("how many artifacts", records.artifacts.size, artifacts);
    }
  }

  /** Opening a store takes the disk over, so checkers open a copy that shares the journal. */
  #copy(): Store {
    return openMemoryStore({ ...this.#disk });
  }
}

interface State {
  readonly head: Run["head"];
  readonly stages: readonly unknown[];
}

function stateOf(run: Run): State {
  return { head: run.head, stages: run.plan.stages.map(({ number }) => timeless(run.stage(number))) };
}

/** Without what counts on the clock of one process. */
function timeless({ state, ...rest }: StageRun): unknown {
  return { ...rest, state: timelessState(state) };
}

function timelessState(state: StageState): unknown {
  if (state.status === "running") {
    const { lease_deadline: _, ...rest } = state;
    return rest;
  }
  return state.status === "pending" ? { ...state, due: state.due !== null } : state;
}
