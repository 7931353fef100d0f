import { realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { type Actor, judgeWorkflow, liesBeneath, parseWorkflow, type Problem, ProblemError } from "orchestrator-core";
import type { Submission } from "./owner/owner.ts";
import type { MachinePolicy } from "./policy.ts";

/** Turns the body of a submit into a submission, or into every problem that it has. */
export function readSubmission(
  body: { readonly workflow: unknown; readonly workspace?: string | undefined },
  by: Actor,
  idempotency_key: string | null,
  workspace_roots: readonly string[],
  machine: MachinePolicy,
  now: number,
): Submission {
  const parsed = parseWorkflow(body.workflow);
  if (!parsed.ok) throw new ProblemError(...parsed.error);
  const workflow = parsed.value;
  const workspace = resolveWorkspace(body.workspace ?? workspace_roots[0] ?? ".", workspace_roots);
  const policy = machine.of(workspace);
  const judged = judgeWorkflow(workflow, by.role, { policy, now });
  const denied: Problem[] = [];
  const asks: string[] = [];
  for (const [stage_id, verdicts] of judged.stages) {
    for (const { findings } of verdicts) {
      for (const finding of findings) if (finding.verdict === "deny") denied.push(finding.problem);
    }
    if (verdicts.some(({ verdict }) => verdict === "ask")) asks.push(stage_id);
  }
  const [first, ...rest] = denied;
  if (first !== undefined) throw new ProblemError(first, ...rest);
  return { workflow, workspace, policy_digest: policy.digest, by, asks, idempotency_key };
}

/** The real path of a workspace, which is an existing directory beneath one of the roots. */
export function resolveWorkspace(path: string, roots: readonly string[]): string {
  let real: string;
  try {
    real = realpathSync(resolve(path));
    if (!statSync(real).isDirectory()) throw new Error("not a directory");
  } catch {
    throw new ProblemError({
      code: "workspace-missing",
      message: `workspace ${path} is not a directory that the daemon can enter`,
      place: { path: "/workspace" },
      hint: "create it first, or name another with --workspace",
    });
  }
  if (!roots.some((root) => liesBeneath(realpathSync(root), real))) {
    throw new ProblemError({
      code: "workspace-outside",
      message: `workspace ${real} is not beneath ${roots.join(" or ")}`,
      place: { path: "/workspace" },
      hint: "start the daemon and its agents with --workspace-root for a directory above it",
    });
  }
  return real;
}
