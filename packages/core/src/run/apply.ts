import { assert, unreachable } from "../result.ts";
import type { RunCells } from "./cells.ts";
import type { ExecResult, Recorded } from "./event.ts";
import { type Exec, type ExecEnd, isSettled, type Job, type RunHead, type StageRun, type StageState } from "./run.ts";

/**
 * Carries one event out. Nothing else changes a run.
 *
 * 1. Events of a run are applied in order, each once: `seq` is the head's plus one.
 * 2. What becomes of the run depends on the events alone, never on rules: rules are `transition`'s.
 * 3. `now` (monotonic ms) only sets the deadlines of leases and backoffs, so replaying a journal at start gives
 *    every running lease one full `lease_ms` on the new clock.
 * 4. A stage that settles counts down what depends on it; a transition costs the stage's own edges.
 */
export function apply(run: RunCells, event: Recorded, now: number): void {
  assert(event.seq === run.head.seq + 1, `run ${run.run_id}: event ${event.seq} after ${run.head.seq}`);
  run.head = { ...run.head, seq: event.seq };
  switch (event.type) {
    case "run_created": {
      run.head = {
        ...run.head,
        run_number: event.run_number,
        workspace: event.workspace,
        workflow_digest: event.workflow_digest,
        by: event.by,
        created_at: event.at,
      };
      for (const stage_id of event.asks) {
        const stage = { ...stageOf(run, stage_id), ask: true };
        move(run, event, stage, { status: "needs_human", subject: "exec", since: event.at });
      }
      return;
    }
    case "stage_queued": {
      const stage = stageOf(run, event.stage_id);
      const { seq, at, attempt } = event;
      const job: Job = { attempt, status: "queued", queued_at: at, ended_at: null, queued_seq: seq, changed_seq: seq };
      move(run, event, { ...stage, jobs: [...stage.jobs, job] }, { status: "queued", since: event.at });
      return;
    }
    case "stage_granted": {
      const stage = stageOf(run, event.stage_id);
      const { exec_id, fence, agent_id, request_id, lease_ms } = event;
      const exec: Exec = { exec_id, fence, attempt: stage.jobs.length, agent_id, granted_at: event.at, end: null };
      move(
        run,
        event,
        { ...stage, fence, jobs: withJob(stage, "running", event), execs: [...stage.execs, exec] },
        {
          status: "running",
          exec_id,
          fence,
          agent_id,
          request_id,
          lease_ms,
          since: event.at,
          lease_deadline: now + lease_ms,
        },
      );
      return;
    }
    case "stage_handed_back": {
      const stage = stageOf(run, event.stage_id);
      const ended = {
        ...stage,
        execs: withEnd(stage, event.exec_id, { outcome: "handed_back", at: event.at, seq: event.seq }),
      };
      if (event.next === "queued") {
        move(run, event, { ...ended, jobs: withJob(stage, "queued", event) }, { status: "queued", since: event.at });
      } else {
        move(run, event, { ...ended, jobs: withJob(stage, "cancelled", event) }, cancelled(run, event.at));
      }
      return;
    }
    case "lease_lost": {
      const stage = stageOf(run, event.stage_id);
      const { at, seq } = event;
      const end: ExecEnd =
        event.cause === "ended_by_agent"
          ? { outcome: "lost", reason: "lease_lost", result: event.result, at, seq }
          : { outcome: "lost", at, seq };
      const ended: StageRun = {
        ...stage,
        leases_lost: stage.leases_lost + 1,
        execs: withEnd(stage, event.exec_id, end),
      };
      const { next } = event;
      switch (next) {
        case "queued":
          move(run, event, { ...ended, jobs: withJob(stage, "queued", event) }, { status: "queued", since: event.at });
          return;
        case "needs_human":
          move(
            run,
            event,
            { ...ended, jobs: withJob(stage, "failed", event) },
            { status: "needs_human", subject: "lost_lease", since: event.at },
          );
          return;
        case "failed":
          move(
            run,
            event,
            { ...ended, jobs: withJob(stage, "failed", event) },
            {
              status: "failed",
              reason: "lease_lost",
              message: `its lease was lost ${ended.leases_lost} times`,
              exec_id: event.exec_id,
              at: event.at,
            },
          );
          return;
        case "cancelled":
          move(run, event, { ...ended, jobs: withJob(stage, "cancelled", event) }, cancelled(run, event.at));
          return;
        default:
          return unreachable(next);
      }
    }
    case "exec_succeeded": {
      const stage = stageOf(run, event.stage_id);
      const { exec_id, result } = event;
      const execs = withEnd(stage, exec_id, {
        outcome: "succeeded",
        reason: null,
        result,
        at: event.at,
        seq: event.seq,
      });
      move(
        run,
        event,
        { ...stage, execs, jobs: withJob(stage, "succeeded", event) },
        { status: "succeeded", exec_id, outputs: result.outputs, at: event.at },
      );
      return;
    }
    case "exec_failed": {
      const stage = stageOf(run, event.stage_id);
      const { exec_id, result, reason, next } = event;
      const outcome = next === "cancelled" ? "cancelled" : "failed";
      const ended: StageRun = {
        ...stage,
        failures: stage.failures + (next === "cancelled" ? 0 : 1),
        execs: withEnd(stage, exec_id, { outcome, reason, result, at: event.at, seq: event.seq }),
        jobs: withJob(stage, outcome, event),
      };
      switch (next) {
        case "retry":
          move(run, event, ended, { status: "pending", due: now + (event.backoff_ms ?? 0) });
          return;
        case "failed":
          move(run, event, ended, { status: "failed", reason, message: result.message, exec_id, at: event.at });
          return;
        case "cancelled":
          move(run, event, ended, cancelled(run, event.at));
          return;
        default:
          return unreachable(next);
      }
    }
    case "gate_reached":
      move(run, event, stageOf(run, event.stage_id), { status: "needs_human", subject: "gate", since: event.at });
      return;
    case "decided": {
      const stage = stageOf(run, event.stage_id);
      const { subject, decision, digest, by, note, at, next } = event;
      const approval = { subject, decision, digest, by, note, at };
      const releases = subject === "exec" && decision === "approve";
      const decided: StageRun = { ...stage, approval, released: releases ? approval : stage.released };
      switch (next) {
        case "pending":
          move(run, event, decided, { status: "pending", due: null });
          return;
        case "succeeded":
          move(run, event, decided, { status: "succeeded", exec_id: lastExecId(stage), outputs: {}, at });
          return;
        case "failed": {
          const reason = subject === "lost_lease" ? "marked_failed" : "rejected";
          const message = `${reason === "rejected" ? "rejected" : "marked as failed"} by ${by.name}${note === "" ? "" : `: ${note}`}`;
          move(run, event, decided, { status: "failed", reason, message, exec_id: lastExecId(stage), at });
          return;
        }
        default:
          return unreachable(next);
      }
    }
    case "stage_skipped":
      move(run, event, stageOf(run, event.stage_id), {
        status: "skipped",
        requirement: event.requirement,
        at: event.at,
      });
      return;
    case "stage_cancelled": {
      const stage = stageOf(run, event.stage_id);
      const jobs = stage.state.status === "queued" ? withJob(stage, "cancelled", event) : stage.jobs;
      move(run, event, { ...stage, jobs }, { status: "cancelled", reason: event.reason, at: event.at });
      return;
    }
    case "cancel_requested":
      run.head = { ...run.head, stopping: { cause: "cancelled", by: event.by, note: event.note } };
      return;
    case "fail_fast_began":
      run.head = { ...run.head, stopping: { cause: "fail_fast", stage_id: event.stage_id } };
      return;
    case "run_retried":
      reopen(run, event);
      return;
    case "run_settled":
      run.head = { ...run.head, status: event.status, ended_at: event.at };
      return;
    default:
      return unreachable(event);
  }
}

function stageOf(run: RunCells, stage_id: string): StageRun {
  const number = run.plan.numbers.get(stage_id);
  assert(number !== undefined, `run ${run.run_id} has no stage ${stage_id}`);
  return run.stage(number);
}

/** Puts a stage into its next state, keeps the counts, and tells its dependents where it settled. */
function move(run: RunCells, event: Recorded, stage: StageRun, state: StageState): void {
  const from = run.stage(stage.number).state;
  run.put({ ...stage, state, changed_seq: event.seq });
  run.head = recount(run.head, from, state);
  if (!isSettled(state.status) || isSettled(from.status)) return;
  const planned = run.plan.stages[stage.number]!;
  const unsuccessful = state.status === "succeeded" ? null : planned.stage_id;
  for (const number of planned.dependents) {
    const dependent = run.stage(number);
    run.put({
      ...dependent,
      unsettled: dependent.unsettled - 1,
      unsuccessful: dependent.unsuccessful ?? unsuccessful,
    });
  }
}

const backsOff = (state: StageState): number => (state.status === "pending" && state.due !== null ? 1 : 0);

function recount(head: RunHead, from: StageState, to: StageState): RunHead {
  const counts = { ...head.counts };
  counts[from.status] -= 1;
  counts[to.status] += 1;
  return { ...head, counts, backing_off: head.backing_off - backsOff(from) + backsOff(to) };
}

/** What did not succeed starts over; what did stays, with its bundles. */
function reopen(run: RunCells, event: Recorded): void {
  run.head = { ...run.head, status: "running", ended_at: null, stopping: null };
  for (const { number } of run.plan.stages) {
    const stage = run.stage(number);
    if (stage.state.status === "succeeded") continue;
    const reset: StageRun = {
      ...stage,
      failures: 0,
      leases_lost: 0,
      unsuccessful: null,
      approval: stage.released,
    };
    const asks = stage.ask && stage.released === null;
    const { spec } = run.plan.stages[number]!;
    // cancelled before a person could say what became of it: the question is still open
    const doubt =
      spec.kind === "exec" &&
      spec.exec.effects === "once" &&
      stage.state.status === "cancelled" &&
      stage.execs.at(-1)?.end?.outcome === "lost";
    const since = event.at;
    if (doubt) move(run, event, reset, { status: "needs_human", subject: "lost_lease", since });
    else if (asks) move(run, event, reset, { status: "needs_human", subject: "exec", since });
    else move(run, event, reset, { status: "pending", due: null });
  }
  for (const { number, requires } of run.plan.stages) {
    const stage = run.stage(number);
    if (stage.state.status === "succeeded") continue;
    const unsettled = requires.filter((required) => !isSettled(run.stage(required).state.status)).length;
    run.put({ ...stage, unsettled });
  }
}

const lastExecId = (stage: StageRun): string | null => stage.execs.at(-1)?.exec_id ?? null;

function cancelled(run: RunCells, at: number): StageState {
  return { status: "cancelled", reason: run.head.stopping?.cause ?? "cancelled", at };
}

/** The stage's open job, which is its last, in another status. */
function withJob(stage: StageRun, status: Job["status"], { seq, at }: Recorded): readonly Job[] {
  const job = stage.jobs.at(-1);
  assert(job !== undefined, "a job is open");
  const ended_at = status === "queued" || status === "running" ? null : at;
  return stage.jobs.with(-1, { ...job, status, ended_at, changed_seq: seq });
}

function withEnd(stage: StageRun, exec_id: string, end: ExecEnd): readonly Exec[] {
  const index = stage.execs.findIndex((exec) => exec.exec_id === exec_id);
  const exec = stage.execs[index];
  assert(exec !== undefined && exec.end === null, `exec ${exec_id} is open`);
  return stage.execs.with(index, { ...exec, end });
}

/** A report that left nothing behind. */
export const emptyResult = (message: string): ExecResult => ({
  manifest_sha256: null,
  exits: [],
  outputs: {},
  started_at: null,
  duration_ms: 0,
  message,
  sandbox: null,
});
