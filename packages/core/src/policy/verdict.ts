import type { Role } from "../api/roles.ts";
import type { Problem } from "../problem.ts";

/** One reason with its place. `rule` is stable; `code` is set on findings that deny. */
export interface Finding {
  readonly rule: string;
  readonly verdict: "allow" | "ask" | "deny";
  readonly problem: Problem;
}

/** What policy says of a command or a stage: the strictest of its findings; `allow` without any. */
export interface Verdict {
  readonly verdict: "allow" | "ask" | "deny";
  readonly findings: readonly Finding[];
  /** An exception lets it, for this file alone: a real path. */
  readonly program?: string;
}

/** Who may have a shell by asking for it. */
export const shellAnswers: Readonly<Record<Role, Verdict["verdict"]>> = {
  operator: "allow",
  admin: "allow",
  proposer: "ask",
  // they submit nothing
  viewer: "deny",
  approver: "deny",
  agent: "deny",
};

const STRICTNESS = { allow: 0, ask: 1, deny: 2 } as const;

export function strictest(findings: readonly Finding[]): Verdict {
  let verdict: Verdict["verdict"] = "allow";
  for (const f of findings) if (STRICTNESS[f.verdict] > STRICTNESS[verdict]) verdict = f.verdict;
  return { verdict, findings };
}
