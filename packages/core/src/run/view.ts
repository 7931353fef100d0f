import type { DecisionView, ExecView, RunSummary, RunView, StageView } from "../api/contract.ts";
import { bundlePath } from "../bundle/manifest.ts";
import { rfc3339 } from "../ports.ts";
import { unreachable } from "../result.ts";
import { type Exec, type Run, type RunHead, type StageRun, shownStatus } from "./run.ts";
import { questionDigest } from "./transition.ts";

/** A run as the API shows it. */
export function runView(run: Run): RunView {
  return {
    run: runSummary(run),
    intent: run.plan.workflow.intent,
    seq: run.head.seq,
    stages: run.plan.stages.map(({ number }) => stageView(run, number)),
  };
}

export function runSummary(run: Run): RunSummary {
  const { head, plan } = run;
  return {
    run_id: run.run_id,
    run_number: head.run_number,
    name: plan.workflow.name,
    status: shownStatus(head),
    stopping: head.stopping?.cause ?? null,
    workspace: head.workspace,
    workflow_digest: head.workflow_digest,
    plan_digest: plan.plan_digest,
    by: head.by,
    created_at: rfc3339(head.created_at),
    ended_at: head.ended_at === null ? null : rfc3339(head.ended_at),
    counts: shownCounts(head.counts),
  };
}

export const shownCounts = (counts: RunHead["counts"]): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

export function stageView(run: Run, number: number): StageView {
  const { stage_id, spec, exec_digest } = run.plan.stages[number]!;
  const stage = run.stage(number);
  const { state } = stage;
  const last = stage.execs.at(-1);
  return {
    stage_id,
    kind: spec.kind,
    status: state.status,
    ...reasonOf(stage),
    requires: [...spec.requires],
    exec_digest,
    attempt: stage.jobs.length,
    question: questionOf(run, stage),
    decisions: decisionsOf(stage),
    since: timeOf(stage),
    duration_ms: last?.end && "result" in last.end ? last.end.result.duration_ms : null,
    outputs: state.status === "succeeded" ? state.outputs : {},
    execs: stage.execs.map((exec) => execView(run.run_id, stage_id, exec)),
  };
}

/** Why it is in its state, in a word and in a sentence; null and empty where there is nothing to say. */
export function reasonOf({ state }: StageRun): { reason: string | null; message: string } {
  switch (state.status) {
    case "failed":
      return { reason: state.reason, message: state.message };
    case "skipped":
      return { reason: "requirement_failed", message: `${state.requirement} did not succeed` };
    case "cancelled":
      return { reason: state.reason, message: "" };
    case "pending":
    case "queued":
    case "running":
    case "needs_human":
    case "succeeded":
      return { reason: null, message: "" };
    default:
      return unreachable(state);
  }
}

/** Wall-clock milliseconds since which the state holds, where it says so. */
export function sinceOf({ state }: StageRun): number | null {
  if ("since" in state) return state.since;
  return "at" in state ? state.at : null;
}

function timeOf(stage: StageRun): string | null {
  const since = sinceOf(stage);
  return since === null ? null : rfc3339(since);
}

function questionOf(run: Run, stage: StageRun): StageView["question"] {
  if (stage.state.status !== "needs_human") return null;
  const { subject } = stage.state;
  const { spec } = run.plan.stages[stage.number]!;
  const digest = questionDigest(run, stage, subject);
  switch (subject) {
    case "gate":
      return { subject, digest, message: spec.kind === "gate" ? spec.message : "" };
    case "exec":
      return { subject, digest, message: "policy wants a person to approve these commands before they run" };
    case "lost_lease":
      return {
        subject,
        digest,
        message: "its lease was lost and `effects: once` forbids to run it again: did it do its work?",
      };
    default:
      return unreachable(subject);
  }
}

/** The word that released its commands stays when another question follows, so there may be two. */
function decisionsOf({ released, approval }: StageRun): DecisionView[] {
  const both = released === approval ? [approval] : [released, approval];
  return both
    .filter((one) => one !== null)
    .map(({ subject, decision, digest, by, note, at }) => ({ subject, decision, digest, by, note, at: rfc3339(at) }));
}

function execView(run_id: string, stage_id: string, exec: Exec): ExecView {
  const { exec_id, fence, attempt, agent_id, granted_at, end } = exec;
  const result = end !== null && "result" in end ? end.result : null;
  return {
    exec_id,
    fence,
    attempt,
    agent_id,
    granted_at: rfc3339(granted_at),
    outcome: end?.outcome ?? null,
    reason: end !== null && "reason" in end ? end.reason : null,
    message: result?.message ?? "",
    exits: [...(result?.exits ?? [])],
    manifest_sha256: result?.manifest_sha256 ?? null,
    duration_ms: result?.duration_ms ?? null,
    sandbox: result?.sandbox ?? null,
    bundle: bundlePath(run_id, stage_id, exec_id),
  };
}
