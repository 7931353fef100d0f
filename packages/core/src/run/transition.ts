import { digestOf } from "../canonical.ts";
import type { Problem } from "../problem.ts";
import { err, ok, type Result, unreachable } from "../result.ts";
import { apply } from "./apply.ts";
import { Draft } from "./cells.ts";
import type { Actor, Decision, FailureReason, LostLease, RunEnd, RunEvent, Subject } from "./event.ts";
import { readiness } from "./readiness.ts";
import type { ExecReport } from "./report.ts";
import { isSettled, type Run, type StageRun } from "./run.ts";

/**
 * The one decision function: what an action does to a run, as events, or why it is refused. It changes nothing:
 * the owner stores the events and applies them. An empty list means that the action was carried out before.
 *
 * 1. A stage_run is queued only when all that it requires have succeeded; its condition is evaluated once, when
 *    the last of them settles.
 * 2. A grant takes the next fence of its stage_run. A report counts only from the agent, exec and fence that hold it.
 * 3. A failed report spends `attempts_max`, a lost lease spends `leases_lost_max`; neither spends the other.
 * 4. `effects: once` and a lost lease: a person decides, nothing runs again by itself.
 * 5. A stopping run starts nothing. It settles when the last of its stage_runs does.
 */
export type Action =
  | {
      readonly type: "create";
      readonly run_number: number;
      readonly workflow_digest: string;
      readonly workspace: string;
      readonly by: Actor;
      readonly asks: readonly string[];
    }
  | {
      readonly type: "grant";
      readonly stage_id: string;
      readonly exec_id: string;
      readonly agent_id: string;
      readonly request_id: string;
      readonly lease_ms: number;
    }
  | ({ readonly type: "complete"; readonly report: ExecReport } & Holder)
  | { readonly type: "expire"; readonly stage_id: string; readonly exec_id: string }
  /** A backoff is over. */
  | { readonly type: "requeue"; readonly stage_id: string }
  | {
      readonly type: "decide";
      readonly stage_id: string;
      readonly subject: Subject;
      readonly decision: Decision;
      readonly digest: string;
      readonly note: string;
      readonly by: Actor;
    }
  | { readonly type: "cancel"; readonly by: Actor; readonly note: string }
  | { readonly type: "retry"; readonly by: Actor };

/** Who claims to hold an exec. */
export interface Holder {
  readonly stage_id: string;
  readonly exec_id: string;
  readonly fence: number;
  readonly agent_id: string;
}

export type Refusal = Problem;

/** `now`: monotonic ms. */
export function transition(run: Run, action: Action, now: number): Result<readonly RunEvent[], Refusal> {
  const step = new Step(run, now);
  const refusal = decide(step, action, now);
  if (refusal !== null) return err(refusal);
  step.settleRun();
  return ok(step.events);
}

function decide(step: Step, action: Action, now: number): Refusal | null {
  switch (action.type) {
    case "create":
      return create(step, action);
    case "grant":
      return grant(step, action);
    case "complete":
      return complete(step, action);
    case "expire":
      return expire(step, action, now);
    case "requeue":
      return requeue(step, action, now);
    case "decide":
      return answer(step, action);
    case "cancel":
      return cancel(step, action);
    case "retry":
      return retry(step, action);
    default:
      return unreachable(action);
  }
}

type Of<T extends Action["type"]> = Extract<Action, { type: T }>;

function create(step: Step, created: Of<"create">): Refusal | null {
  const { plan_digest, policy_digest } = step.run.plan;
  step.emit({ ...created, type: "run_created", plan_digest, policy_digest });
  step.startReady();
  return null;
}

function grant(step: Step, action: Of<"grant">): Refusal | null {
  const stage = step.stage(action.stage_id);
  if (stage?.state.status !== "queued" || step.run.head.stopping !== null) {
    return refuse("not-queued", `stage ${action.stage_id} is ${stage?.state.status ?? "unknown"}, not queued`);
  }
  const { stage_id, exec_id, agent_id, request_id, lease_ms } = action;
  step.emit({ type: "stage_granted", stage_id, exec_id, fence: stage.fence + 1, agent_id, request_id, lease_ms });
  return null;
}

function complete(step: Step, action: Of<"complete">): Refusal | null {
  const { stage_id, exec_id, report } = action;
  const stage = step.stage(stage_id);
  if (stage === null) return refuse("stage-not-found", `the run has no stage ${stage_id}`);
  const holder = checkHolder(stage, action);
  if (!holder.ok) return holder.error;
  const { end } = holder.value;
  if (end !== null) {
    // the agent did not hear the answer to an earlier report of this exec
    if (end.outcome === "handed_back" && report.kind === "handed_back") return null;
    if (end.outcome === "lost" && report.kind === "lost") return null;
    if (!("result" in end)) {
      return refuse("fence-stale", `exec ${exec_id} of stage ${stage_id} ended as ${end.outcome} before this report`);
    }
    const repeated = report.kind === "ended" && report.result.manifest_sha256 === end.result.manifest_sha256;
    return repeated ? null : refuse("report-conflict", `exec ${exec_id} was reported before, with another manifest`);
  }
  if (stage.state.status !== "running" || stage.state.exec_id !== exec_id) {
    return refuse("fence-stale", `exec ${exec_id} does not hold stage ${stage_id}`);
  }
  const stopping = step.run.head.stopping !== null;
  switch (report.kind) {
    case "handed_back":
      step.emit({ type: "stage_handed_back", stage_id, exec_id, next: stopping ? "cancelled" : "queued" });
      if (stopping) step.settled(stage.number);
      return null;
    case "lost":
      loseLease(step, stage, { cause: "agent_restarted" });
      return null;
    case "ended": {
      const { result } = report;
      if (report.outcome === "succeeded") {
        step.emit({ type: "exec_succeeded", stage_id, exec_id, result });
        step.settled(stage.number);
        return null;
      }
      if (report.reason === "lease_lost") {
        // its agent ended it before we took it back: the command has not failed
        loseLease(step, stage, { cause: "ended_by_agent", result });
        return null;
      }
      const { retry } = step.execSpec(stage.number);
      const failed = { type: "exec_failed", stage_id, exec_id, result, reason: report.reason } as const;
      if (stopping) step.emit({ ...failed, next: report.outcome === "cancelled" ? "cancelled" : "failed" });
      else if (stage.failures + 1 < retry.attempts_max && !NEVER_RETRIED.has(report.reason)) {
        step.emit({ ...failed, next: "retry", backoff_ms: retry.backoff_ms });
        return null;
      } else step.emit({ ...failed, next: "failed" });
      step.settled(stage.number);
      return null;
    }
    default:
      return unreachable(report);
  }
}

/** The same exec block would be refused in the same way again. */
const NEVER_RETRIED: ReadonlySet<FailureReason> = new Set(["denied", "digest_mismatch"]);

/** The exec that this agent holds or held under this fence, or why it does not. */
export function checkHolder(stage: StageRun, holder: Holder): Result<StageRun["execs"][number], Refusal> {
  const exec = stage.execs.find(({ exec_id }) => exec_id === holder.exec_id);
  if (exec === undefined) {
    return err(refuse("exec-unknown", `stage ${holder.stage_id} has no exec ${holder.exec_id}`));
  }
  if (exec.agent_id !== holder.agent_id) {
    return err(refuse("not-holder", `exec ${holder.exec_id} was not granted to agent ${holder.agent_id}`));
  }
  if (exec.fence !== holder.fence) {
    return err(refuse("fence-stale", `exec ${holder.exec_id} has fence ${exec.fence}, not ${holder.fence}`));
  }
  return ok(exec);
}

function expire(step: Step, { stage_id, exec_id }: Of<"expire">, now: number): Refusal | null {
  const stage = step.stage(stage_id);
  const state = stage?.state;
  if (stage === null || state?.status !== "running" || state.exec_id !== exec_id) {
    return refuse("fence-stale", `exec ${exec_id} does not hold stage ${stage_id}`);
  }
  if (state.lease_deadline > now) return refuse("fence-stale", `the lease of exec ${exec_id} was renewed`);
  loseLease(step, stage, { cause: "expired" });
  return null;
}

function loseLease(step: Step, stage: StageRun, how: LostLease): void {
  const spec = step.execSpec(stage.number);
  const { exec_id } = stage.state as Extract<StageRun["state"], { status: "running" }>;
  const lost = { type: "lease_lost", stage_id: step.idOf(stage), exec_id, ...how } as const;
  if (step.run.head.stopping !== null) step.emit({ ...lost, next: "cancelled" });
  else if (spec.exec.effects === "once") {
    step.emit({ ...lost, next: "needs_human" });
    return;
  } else if (stage.leases_lost + 1 < spec.leases_lost_max) {
    step.emit({ ...lost, next: "queued" });
    return;
  } else step.emit({ ...lost, next: "failed" });
  step.settled(stage.number);
}

function requeue(step: Step, { stage_id }: Of<"requeue">, now: number): Refusal | null {
  const stage = step.stage(stage_id);
  const due = stage?.state.status === "pending" ? stage.state.due : null;
  if (stage === null || due === null || due > now) return refuse("not-queued", `stage ${stage_id} is not due`);
  step.start(stage);
  return null;
}

const DECISIONS: Readonly<Record<Subject, readonly Decision[]>> = {
  gate: ["approve", "reject"],
  exec: ["approve", "reject"],
  lost_lease: ["retry", "mark_succeeded", "mark_failed"],
};

/**
 * What an answer to the stage's question must name: the plan for a gate, the exec block for a command; for a lost
 * lease the exec as well, so that a word about one is never taken for the next.
 */
export function questionDigest(run: Run, stage: StageRun, subject: Subject): string {
  const { exec_digest } = run.plan.stages[stage.number]!;
  switch (subject) {
    case "gate":
      return run.plan.plan_digest;
    case "exec":
      return exec_digest!;
    case "lost_lease":
      return digestOf([exec_digest, stage.execs.at(-1)?.exec_id ?? null]);
    default:
      return unreachable(subject);
  }
}

function answer(step: Step, action: Of<"decide">): Refusal | null {
  const { type: _type, ...said } = action;
  const { stage_id, subject, decision, digest } = said;
  const stage = step.stage(stage_id);
  if (stage === null) return refuse("stage-not-found", `the run has no stage ${stage_id}`);
  if (stage.state.status !== "needs_human") {
    const { approval } = stage;
    const repeated = approval?.subject === subject && approval.decision === decision && approval.digest === digest;
    return repeated ? null : refuse("not-waiting", `stage ${stage_id} is ${stage.state.status}: it asks nothing`);
  }
  if (stage.state.subject !== subject || !DECISIONS[subject].includes(decision)) {
    return refuse(
      "decision-invalid",
      `stage ${stage_id} asks about ${stage.state.subject} and takes ${DECISIONS[stage.state.subject].join(" or ")}`,
    );
  }
  if (digest !== questionDigest(step.run, stage, subject)) {
    return refuse(
      "approval-stale",
      `the decision names digest ${digest}, and stage ${stage_id} would run another`,
      "look at the stage again and decide on what it shows now",
    );
  }
  switch (decision) {
    case "approve":
      if (subject === "gate") break;
      step.emit({ type: "decided", ...said, next: "pending" });
      step.startIfReady(stage.number);
      return null;
    case "retry":
      step.emit({ type: "decided", ...said, next: "pending" });
      step.startIfReady(stage.number);
      return null;
    case "mark_succeeded":
      break;
    case "reject":
    case "mark_failed":
      step.emit({ type: "decided", ...said, next: "failed" });
      step.settled(stage.number);
      return null;
    default:
      return unreachable(decision);
  }
  step.emit({ type: "decided", ...said, next: "succeeded" });
  step.settled(stage.number);
  return null;
}

function cancel(step: Step, { by, note }: Of<"cancel">): Refusal | null {
  const { head } = step.run;
  if (head.stopping?.cause === "cancelled") return null;
  if (head.status !== "running") return refuse("run-settled", `run ${step.run.run_id} has ${head.status} already`);
  step.emit({ type: "cancel_requested", by, note });
  step.cancelWaiting("cancelled");
  return null;
}

function retry(step: Step, { by }: Of<"retry">): Refusal | null {
  const { head, run_id } = step.run;
  if (head.status === "running") return refuse("run-not-settled", `run ${run_id} has not ended`);
  if (head.status === "succeeded") return refuse("nothing-to-retry", `every stage of run ${run_id} succeeded`);
  step.emit({ type: "run_retried", by });
  step.startReady();
  return null;
}

function refuse(code: Refusal["code"], message: string, hint?: string): Refusal {
  return hint === undefined ? { code, message } : { code, message, hint };
}

/** One transition in the making: events so far, and the run as they leave it. */
class Step {
  readonly run: Draft;
  readonly events: RunEvent[] = [];
  readonly #now: number;

  constructor(run: Run, now: number) {
    this.run = new Draft(run);
    this.#now = now;
  }

  emit(event: RunEvent): void {
    this.events.push(event);
    apply(this.run, { ...event, seq: this.run.head.seq + 1, at: 0 }, this.#now);
  }

  stage(stage_id: string): StageRun | null {
    const number = this.run.plan.numbers.get(stage_id);
    return number === undefined ? null : this.run.stage(number);
  }

  idOf(stage: StageRun): string {
    return this.run.plan.stages[stage.number]!.stage_id;
  }

  execSpec(number: number) {
    const { spec } = this.run.plan.stages[number]!;
    if (spec.kind !== "exec") throw new TypeError("a gate is never granted");
    return spec;
  }

  /** A stage without anything left to wait for begins: a gate asks, commands are queued. */
  start(stage: StageRun): void {
    const { stage_id, spec } = this.run.plan.stages[stage.number]!;
    if (spec.kind === "gate") this.emit({ type: "gate_reached", stage_id });
    else this.emit({ type: "stage_queued", stage_id, attempt: stage.jobs.length + 1 });
  }

  startIfReady(number: number): void {
    if (readiness(this.run, number).kind === "ready") this.start(this.run.stage(number));
  }

  startReady(): void {
    for (const { number } of this.run.plan.stages) this.startIfReady(number);
  }

  /** A stage settled: what depended on it begins, or is skipped, and so on down; then `fail_fast`. */
  settled(number: number): void {
    const queue = [number];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      for (const dependent of this.run.plan.stages[next]!.dependents) {
        const verdict = readiness(this.run, dependent);
        if (verdict.kind === "ready") this.start(this.run.stage(dependent));
        if (verdict.kind === "unreachable") {
          const { stage_id } = this.run.plan.stages[dependent]!;
          this.emit({ type: "stage_skipped", stage_id, requirement: verdict.requirement });
          queue.push(dependent);
        }
      }
    }
    const failed = this.run.stage(number).state.status === "failed";
    if (failed && this.run.plan.workflow.fail_fast && this.run.head.stopping === null) {
      this.emit({ type: "fail_fast_began", stage_id: this.run.plan.stages[number]!.stage_id });
      this.cancelWaiting("fail_fast");
    }
  }

  cancelWaiting(reason: "cancelled" | "fail_fast"): void {
    for (const { number, stage_id } of this.run.plan.stages) {
      const { status } = this.run.stage(number).state;
      if (status === "running" || isSettled(status)) continue;
      this.emit({ type: "stage_cancelled", stage_id, reason });
    }
  }

  settleRun(): void {
    const { counts, status, stopping } = this.run.head;
    if (this.events.length === 0 || status !== "running") return;
    if (counts.pending + counts.queued + counts.running + counts.needs_human > 0) return;
    this.emit({ type: "run_settled", status: runEnd(counts.failed, stopping?.cause === "cancelled") });
  }
}

function runEnd(failed: number, cancelAccepted: boolean): RunEnd {
  if (cancelAccepted) return "cancelled";
  return failed > 0 ? "failed" : "succeeded";
}
