import {
  digestOf,
  type Grant,
  isUlid,
  execPlace,
  type FailureReason,
  judgeExec,
  type Under,
  type Verdict,
} from "orchestrator-core";

/** Why the agent will not run what it was given. */
export interface Refused {
  readonly reason: FailureReason;
  readonly message: string;
}

export interface GrantCheck {
  /** One for each command. */
  readonly verdicts: readonly Verdict[];
  readonly refused: Refused | null;
}

const STAGE_ID = /^[A-Za-z][A-Za-z0-9_.-]{0,127}$/;

/** Ids become paths and names of signals' targets, so a grant without proper ones is not touched at all. */
export const hasProperIds = (grant: Grant): boolean =>
  isUlid(grant.run_id) && isUlid(grant.exec_id) && STAGE_ID.test(grant.stage_id) && Number.isSafeInteger(grant.fence);

/** Computes digest and verdicts anew: the daemon's word is not taken for what this machine will run. */
export function checkGrant(grant: Grant, under: Under): GrantCheck {
  const verdicts = judgeExec(grant.exec, grant.role, execPlace(grant.stage_id), under);
  return { verdicts, refused: refusal(grant, verdicts, under.policy.digest) };
}

/** A person released exactly this exec block. */
export const isApproved = (grant: Grant): boolean => grant.approval?.digest === grant.exec_digest;

function refusal(grant: Grant, verdicts: readonly Verdict[], policy_digest: string): Refused | null {
  const digest = digestOf(grant.exec);
  if (digest !== grant.exec_digest) {
    const message = `the commands hash to ${digest}, and the grant says ${grant.exec_digest}`;
    return { reason: "digest_mismatch", message };
  }
  if (grant.policy_digest !== policy_digest) {
    const message = `this agent's policy is ${policy_digest}, and the grant was judged by ${grant.policy_digest}: their policy files differ, or were changed since`;
    return { reason: "digest_mismatch", message };
  }
  for (const [i, { verdict, findings }] of verdicts.entries()) {
    const finding = findings.find((f) => f.verdict === verdict);
    const command = `command ${i} \`${grant.exec.commands[i]?.argv[0] ?? ""}\``;
    const why = finding?.problem.message ?? `policy says ${verdict}`;
    if (verdict === "deny") return { reason: "denied", message: `${command}: ${why}` };
    if (verdict === "ask" && !isApproved(grant)) {
      return { reason: "denied", message: `${command} needs an approval of exactly this exec block: ${why}` };
    }
  }
  return null;
}
