import { bundlePath, reasonOf, type Run, shownCounts, shownStatus, sinceOf, type StageRun } from "orchestrator-core";
import type { ArtifactRecord, JobRecord, Portion, RunRecord, StageRecord } from "../store/store.ts";

/** The records that a run's memory stands for. `after`: the seq that the stage's records are at, -1 for none. */
export function stageRecords(
  run: Run,
  number: number,
  after: number,
): { stage: Portion["stages"][number]; jobs: Portion["jobs"]; artifacts: Portion["artifacts"] } {
  const { spec, stage_id } = run.plan.stages[number]!;
  const stage = run.stage(number);
  return {
    stage: { record: stageRecord(run, stage), exists: after >= 0, requires: after >= 0 ? [] : spec.requires },
    jobs: stage.jobs
      .filter((job) => job.changed_seq > after)
      .map((job) => ({ record: jobRecord(run, stage, job.attempt), exists: job.queued_seq <= after })),
    artifacts: stage.execs.flatMap(({ exec_id, fence, agent_id, end }): ArtifactRecord[] => {
      if (end === null || end.seq <= after || !("result" in end) || end.result.manifest_sha256 === null) return [];
      return [
        {
          run_id: run.run_id,
          stage_id,
          exec_id,
          fence,
          agent_id,
          outcome: end.outcome,
          reason: end.reason,
          manifest_sha256: end.result.manifest_sha256,
          bundle: bundlePath(run.run_id, stage_id, exec_id),
          duration_ms: end.result.duration_ms,
        },
      ];
    }),
  };
}

function stageRecord(run: Run, stage: StageRun): StageRecord {
  const { stage_id, spec, exec_digest } = run.plan.stages[stage.number]!;
  return {
    run_id: run.run_id,
    stage_id,
    kind: spec.kind,
    status: stage.state.status,
    reason: reasonOf(stage).reason,
    exec_digest,
    attempt: stage.jobs.length,
    fence: stage.fence,
    since: sinceOf(stage),
    outputs: stage.state.status === "succeeded" ? stage.state.outputs : {},
    projected_seq: stage.changed_seq,
  };
}

function jobRecord(run: Run, stage: StageRun, attempt: number): JobRecord {
  const job = stage.jobs[attempt - 1]!;
  const exec = stage.execs.findLast((candidate) => candidate.attempt === attempt);
  return {
    run_id: run.run_id,
    stage_id: run.plan.stages[stage.number]!.stage_id,
    attempt,
    status: job.status,
    exec_id: exec?.exec_id ?? null,
    agent_id: exec?.agent_id ?? null,
    queued_at: job.queued_at,
    ended_at: job.ended_at,
  };
}

export function runRecord(run: Run): RunRecord {
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
    by_role: head.by.role,
    by_name: head.by.name,
    created_at: head.created_at,
    ended_at: head.ended_at,
    counts: shownCounts(head.counts),
    projected_seq: head.seq,
  };
}
