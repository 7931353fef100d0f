import type { MemoryDisk, Portion, RunRecord, RunRecords } from "orchestrator-daemon/parts";
import { factsAt, type Law, type LawRun } from "./law.ts";

/** I6 and I11 of the records: they never show what is not stored, and once caught up they say what the journal says. */
export class Records {
  readonly #law: Law;
  readonly #disk: MemoryDisk;
  readonly #object: (checker: string, message: string) => void;
  /** What each run's record was at when it was written last. */
  readonly #at = new Map<string, number>();

  constructor(law: Law, disk: MemoryDisk, object: (checker: string, message: string) => void) {
    this.#law = law;
    this.#disk = disk;
    this.#object = object;
  }

  /** Called just before a portion takes effect. */
  written({ run: record, stages }: Portion): void {
    const run = this.#law.runs.get(record.run_id);
    if (run === undefined || record.projected_seq > run.seq) {
      const stored = run === undefined ? "nothing" : `up to ${run.seq}`;
      return this.#object("I11", `records of ${record.run_id} at ${record.projected_seq}, and stored is ${stored}`);
    }
    if ((this.#at.get(run.run_id) ?? 0) > record.projected_seq) {
      this.#object("I6", `the record of ${run.run_id} goes back to ${record.projected_seq}`);
    }
    this.#at.set(run.run_id, record.projected_seq);
    for (const { record: stage } of stages) {
      if (stage.projected_seq > run.seq) {
        this.#object("I11", `the record of ${stage.stage_id} is at ${stage.projected_seq}, and stored is ${run.seq}`);
      }
    }
  }

  /** Idle: every run's records say what its journal says. */
  caughtUp(): void {
    for (const run of this.#law.runs.values()) {
      const records = this.#disk.records.get(run.run_id);
      if (records === undefined) this.#object("I6", `run ${run.run_id} has no records`);
      else this.#compare(run, records);
      if (run.status !== "running" && this.#disk.active.has(run.run_id)) {
        this.#object("I6", `run ${run.run_id} has ended, its records are complete, and it is still active`);
      }
    }
  }

  #compare(run: LawRun, { run: record, stages, requires, jobs, artifacts }: RunRecords): void {
    const differs = (what: string, shown: unknown, right: unknown): void => {
      if (shown !== right && JSON.stringify(shown) !== JSON.stringify(right)) {
        this.#object(
          "I6",
          `records of ${run.run_id}: ${what} is ${JSON.stringify(shown)}, by the journal ${JSON.stringify(right)}`,
        );
      }
    };
    differs("seq", record.projected_seq, run.seq);
    differs("status", shownStatus(record), run.status === "running" ? "running" : run.status);
    for (const [stage_id, stage] of run.stages) {
      const facts = factsAt(stage, run.seq);
      const shown = stages.get(stage_id);
      differs(`status of ${stage_id}`, shown?.status, facts.status);
      differs(`attempt of ${stage_id}`, shown?.attempt, facts.attempt);
      differs(`fence of ${stage_id}`, shown?.fence, facts.fence);
      differs(`reason of ${stage_id}`, shown?.reason, facts.reason);
      differs(`outputs of ${stage_id}`, shown?.outputs, facts.outputs);
      differs(`requires of ${stage_id}`, [...(requires.get(stage_id) ?? [])].sort(), [...stage.spec.requires].sort());
      const own = [...jobs.values()].filter((job) => job.stage_id === stage_id);
      differs(`jobs of ${stage_id}`, own.length, facts.attempt);
      const last = [...stage.execs.values()].at(-1);
      if (last !== undefined) {
        const job = own.find(({ attempt }) => attempt === last.attempt);
        differs(`exec of ${stage_id}`, job?.exec_id, last.exec_id);
      }
      for (const exec of stage.execs.values()) {
        differs(
          `bundle of ${exec.exec_id}`,
          artifacts.get(exec.exec_id)?.manifest_sha256 ?? null,
          exec.manifest_sha256,
        );
      }
    }
  }
}

const shownStatus = ({ status }: RunRecord): string => (status === "needs_human" ? "running" : status);
