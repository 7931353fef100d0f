import { bundlePath, type Grant, jobId, rfc3339, type Run } from "orchestrator-core";

/** What an agent is told of the exec that it holds. `wall`: now, in wall-clock milliseconds, for display only. */
export function grantOf(run: Run, number: number, wall: number): Grant {
  const { stage_id, spec, exec_digest, requires } = run.plan.stages[number]!;
  const stage = run.stage(number);
  const { state, released } = stage;
  if (state.status !== "running" || spec.kind !== "exec" || exec_digest === null) {
    throw new TypeError("only a running exec stage has a grant");
  }
  const attempt = stage.jobs.length;
  return {
    job_id: jobId(run.run_id, stage_id, attempt),
    run_id: run.run_id,
    stage_id,
    exec_id: state.exec_id,
    attempt,
    fence: state.fence,
    lease_ms: state.lease_ms,
    expires_at: rfc3339(wall + state.lease_ms),
    exec: spec.exec as Grant["exec"],
    exec_digest,
    plan_digest: run.plan.plan_digest,
    policy_digest: run.plan.policy_digest,
    workspace: run.head.workspace,
    role: run.head.by.role,
    approval: released === null ? null : { digest: released.digest, by: released.by.name, at: rfc3339(released.at) },
    requires: requires.map((required) => handedOn(run, required)),
  };
}

/** What a required stage hands on. */
function handedOn(run: Run, number: number): Grant["requires"][number] {
  const { stage_id } = run.plan.stages[number]!;
  const { state, execs } = run.stage(number);
  const exec_id = state.status === "succeeded" ? state.exec_id : null;
  const end = execs.find((exec) => exec.exec_id === exec_id)?.end;
  return {
    stage_id,
    exec_id,
    manifest_sha256: end && "result" in end ? end.result.manifest_sha256 : null,
    outputs: state.status === "succeeded" ? { ...state.outputs } : {},
    bundle: exec_id === null ? null : bundlePath(run.run_id, stage_id, exec_id),
  };
}
