import type { Run } from "./run.ts";

/**
 * May a stage begin? The scheduler and `why` ask the same function.
 * `ready`: yes, now. `unreachable`: its condition can no longer hold. `waits`: for what is named. `no`: it began.
 */
export type Readiness =
  | { readonly kind: "ready" }
  | { readonly kind: "unreachable"; readonly requirement: string }
  | { readonly kind: "waits"; readonly for: "requirements" | "backoff" | "approval" | "stopping" }
  | { readonly kind: "no" };

export function readiness(run: Run, number: number): Readiness {
  const { state, unsettled, unsuccessful } = run.stage(number);
  if (state.status !== "pending" && !(state.status === "needs_human" && state.subject === "exec"))
    return { kind: "no" };
  if (unsettled > 0) return { kind: "waits", for: "requirements" };
  if (unsuccessful !== null) return { kind: "unreachable", requirement: unsuccessful };
  if (run.head.stopping !== null) return { kind: "waits", for: "stopping" };
  if (state.status === "needs_human") return { kind: "waits", for: "approval" };
  if (state.due !== null) return { kind: "waits", for: "backoff" };
  return { kind: "ready" };
}
