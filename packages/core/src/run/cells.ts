import type { Plan } from "../workflow/plan.ts";
import type { Run, RunHead, StageRun } from "./run.ts";

/** A run that `apply` may write to. */
export interface RunCells extends Run {
  head: RunHead;
  put(stage: StageRun): void;
}

/** The run itself, as its owner holds it. */
export class MemoryRun implements RunCells {
  readonly run_id: string;
  readonly plan: Plan;
  head: RunHead;
  readonly #stages: StageRun[];

  /** A run to which nothing has happened yet, not even its creation (`seq` 0). */
  constructor(run_id: string, plan: Plan) {
    this.run_id = run_id;
    this.plan = plan;
    this.head = {
      seq: 0,
      status: "running",
      run_number: 0,
      workspace: "",
      workflow_digest: "",
      by: { role: "operator", name: "" },
      created_at: 0,
      ended_at: null,
      stopping: null,
      counts: {
        pending: plan.stages.length,
        queued: 0,
        running: 0,
        needs_human: 0,
        succeeded: 0,
        failed: 0,
        skipped: 0,
        cancelled: 0,
      },
      backing_off: 0,
    };
    this.#stages = plan.stages.map(
      ({ number, requires }): StageRun => ({
        number,
        state: { status: "pending", due: null },
        unsettled: requires.length,
        unsuccessful: null,
        fence: 0,
        failures: 0,
        leases_lost: 0,
        ask: false,
        approval: null,
        released: null,
        jobs: [],
        execs: [],
        changed_seq: 0,
      }),
    );
  }

  stage(number: number): StageRun {
    return this.#stages[number]!;
  }

  put(stage: StageRun): void {
    this.#stages[stage.number] = stage;
  }
}

/** What a run would become: `transition` tries its events out here and leaves the run itself alone. */
export class Draft implements RunCells {
  readonly run_id: string;
  readonly plan: Plan;
  head: RunHead;
  readonly #base: Run;
  readonly #changed = new Map<number, StageRun>();

  constructor(base: Run) {
    this.run_id = base.run_id;
    this.plan = base.plan;
    this.head = base.head;
    this.#base = base;
  }

  stage(number: number): StageRun {
    return this.#changed.get(number) ?? this.#base.stage(number);
  }

  put(stage: StageRun): void {
    this.#changed.set(stage.number, stage);
  }
}
