import type { ExecView, RunView } from "orchestrator-core";
import type { Evidence, Execution } from "./evidence.ts";
import type { Times } from "./faults.ts";
import type { Fault } from "./target.ts";

/** What the evidence says about executions: overlaps, repetitions and why, and what outlived its agent. */
export interface ExecutionFigures {
  readonly overlaps: readonly string[];
  readonly again: Readonly<Record<"flaky" | "run retried" | "lease lost" | "ended by its agent", number>>;
  readonly unexplained: readonly string[];
  /** I7: of execs whose agent was killed, how long a process was seen after lease and grace had passed, in ms. */
  readonly outlived: readonly number[];
  /** Execs that were seen to live on after their agent was killed, and for how long at most, in ms. */
  readonly orphaned: number;
  readonly orphaned_ms_max: number;
}

/** How far a fault is felt beyond its end: a lease that it ate up expires later. */
const FELT_MS = 2_000;

export function judgeExecutions(
  views: readonly RunView[],
  { executions }: Evidence,
  seen: ReadonlyMap<string, number>,
  faults: readonly Fault[],
  times: Times,
): ExecutionFigures {
  const overlaps: string[] = [];
  const unexplained: string[] = [];
  const again = { flaky: 0, "run retried": 0, "lease lost": 0, "ended by its agent": 0 };
  const outlived: number[] = [];
  let orphaned = 0;
  let orphaned_ms_max = 0;
  const allowed = times.lease_ms + times.grace_ms;
  const endOf = ({ exec_id, start, end }: Execution): number => end ?? Math.max(start, seen.get(exec_id) ?? 0);

  for (const view of views) {
    for (const { stage_id, execs } of view.stages) {
      const name = `${view.run.run_id}/${stage_id}`;
      const began = execs.flatMap((exec) => {
        const execution = executions.get(exec.exec_id);
        return execution === undefined ? [] : [{ exec, execution }];
      });
      for (const [i, { exec, execution }] of began.entries()) {
        for (const { execution: later } of began.slice(i + 1)) {
          const together = Math.min(endOf(execution), endOf(later)) - Math.max(execution.start, later.start);
          if (together > allowed) overlaps.push(`${name}: two execs overlap by ${Math.round(together)} ms`);
        }
        const orphan = orphanOf(exec, execution, endOf(execution), faults);
        if (orphan !== null) {
          orphaned++;
          orphaned_ms_max = Math.max(orphaned_ms_max, Math.round(orphan));
          if (orphan > allowed) outlived.push(Math.round(orphan - allowed));
        }
        if (i === began.length - 1) continue;
        const why = reasonFor(exec, view, faults, times);
        if (why === null)
          unexplained.push(
            `${name}: exec ${exec.exec_id} (${exec.outcome}, ${exec.reason}) and yet another; ${nearTo(exec, faults)}`,
          );
        else again[why]++;
      }
    }
  }
  return { overlaps, again, unexplained, outlived, orphaned, orphaned_ms_max };
}

/** What happened around it, for a person who looks into it. */
function nearTo(exec: ExecView, faults: readonly Fault[]): string {
  const granted = Date.parse(exec.granted_at);
  const near = faults
    .filter(({ target }) => target === "daemon" || target === exec.agent_id)
    .map(({ target, kind, from, to }) => `${kind} of ${target} from ${from - granted} to ${to - granted} ms`);
  return `granted to ${exec.agent_id}, took ${exec.duration_ms} ms; after its grant: ${near.join(", ")}`;
}

/** Why an exec was not the last of its stage; null: no fault explains it. */
function reasonFor(
  exec: ExecView,
  view: RunView,
  faults: readonly Fault[],
  { lease_ms }: Times,
): keyof ExecutionFigures["again"] | null {
  if (exec.outcome === "failed" && exec.reason === "exit_non_zero") {
    return view.run.name.startsWith("fails") ? "run retried" : "flaky";
  }
  const granted = Date.parse(exec.granted_at);
  // it ended at the latest a lease after the last fault that it felt
  const felt = faults.some(
    ({ target, from, to }) =>
      (target === "daemon" || target === exec.agent_id) &&
      to + lease_ms + FELT_MS >= granted &&
      from <= endedBy(exec, to, lease_ms),
  );
  if (!felt) return null;
  if (exec.outcome !== "lost") return null;
  return exec.reason === "lease_lost" ? "ended by its agent" : "lease lost";
}

const endedBy = (exec: ExecView, to: number, lease_ms: number): number =>
  exec.duration_ms === null ? to + lease_ms : Date.parse(exec.granted_at) + exec.duration_ms + lease_ms;

/** How long after the death of its agent it was seen, in ms; null: its agent was not killed under it. */
function orphanOf(exec: ExecView, { start }: Execution, end: number, faults: readonly Fault[]): number | null {
  const death = faults.find(
    ({ target, kind, from }) => target === exec.agent_id && kind !== "stop" && from >= start && from < end,
  );
  return death === undefined ? null : end - death.from;
}
