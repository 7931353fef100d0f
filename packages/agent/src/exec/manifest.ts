import type { FailureReason, Grant, Manifest, ManifestCommand, Verdict } from "orchestrator-core";
import type { Refused } from "../check/grant.ts";

/** What names the agent in its manifests. */
export type AgentName = Manifest["agent"];

/** How the whole exec went. */
export interface Conclusion {
  readonly result: Manifest["result"];
  readonly reason: FailureReason | null;
  readonly message: string;
}

export const SUCCEEDED: Conclusion = { result: "succeeded", reason: null, message: "" };
export const failedBy = ({ reason, message }: Refused): Conclusion => ({
  result: reason === "cancelled" ? "cancelled" : "failed",
  reason,
  message,
});

export interface ExecFacts {
  readonly conclusion: Conclusion;
  readonly started_at: string;
  readonly ended_at: string;
  readonly duration_ms: number;
  readonly outputs: Readonly<Record<string, string>>;
  readonly commands: readonly ManifestCommand[];
  readonly supervisor: Manifest["supervisor"];
  readonly sandbox: Manifest["sandbox"];
  readonly limits: Manifest["limits"];
}

export function makeManifest(grant: Grant, agent: AgentName, facts: ExecFacts, files: Manifest["files"]): Manifest {
  const { conclusion, commands, outputs, started_at, ended_at, duration_ms, supervisor, sandbox, limits } = facts;
  return {
    schema: "orchestrator.manifest/1",
    run_id: grant.run_id,
    stage_id: grant.stage_id,
    job_id: grant.job_id,
    exec_id: grant.exec_id,
    attempt: grant.attempt,
    fence: grant.fence,
    agent,
    exec_digest: grant.exec_digest,
    plan_digest: grant.plan_digest,
    policy_digest: grant.policy_digest,
    workspace: grant.workspace,
    effects: grant.exec.effects,
    timeout_ms: grant.exec.timeout_ms,
    approval: grant.approval,
    sandbox,
    limits,
    supervisor,
    requires: grant.requires.map(({ stage_id, exec_id, manifest_sha256 }) => ({ stage_id, exec_id, manifest_sha256 })),
    ...conclusion,
    started_at,
    ended_at,
    duration_ms,
    outputs,
    commands: [...commands],
    files,
  };
}

/** The record of a command before anything is known of it: as it stands for one that never started. */
export function blankCommand(grant: Grant, index: number, verdict: Verdict): ManifestCommand {
  const command = grant.exec.commands[index]!;
  return {
    index,
    argv: command.argv,
    cwd: command.cwd,
    env_names: [...Object.keys(command.env), ...Object.keys(command.secrets)].sort(),
    secrets: command.secrets,
    redactions: 0,
    allow_shell: command.allow_shell,
    allow_failure: command.allow_failure,
    timeout_ms: command.timeout_ms,
    idle_timeout_ms: command.idle_timeout_ms,
    stop: command.stop,
    verdict: recordVerdict(verdict),
    program: null,
    exit: null,
    usage: null,
    reason: null,
    message: "",
    started_at: null,
    duration_ms: null,
    signalled: [],
    survivors: 0,
    stdout: null,
    stderr: null,
  };
}

export const recordVerdict = ({ verdict, findings }: Verdict): ManifestCommand["verdict"] => ({
  verdict,
  findings: findings.map((f) => ({
    rule: f.rule,
    verdict: f.verdict,
    code: f.problem.code,
    message: f.problem.message,
    path: f.problem.place?.path ?? "",
  })),
});
