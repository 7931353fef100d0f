import type { Role } from "../api/roles.ts";
import type { SandboxLevel } from "../workflow/spec.ts";

/**
 * Facts about a run. A run is what its events make of it: the journal stores them in order, `apply` carries them
 * out. An event says all that follows from it for its own stage (`next`), so that replaying an old journal never
 * depends on rules that have changed since.
 */
export type RunEvent =
  | {
      readonly type: "run_created";
      readonly workflow_digest: string;
      readonly plan_digest: string;
      readonly policy_digest: string;
      /** Absolute path, already resolved. */
      readonly workspace: string;
      /** 1, 2, 3 … over all runs of the store. Lists page by it. */
      readonly run_number: number;
      readonly by: Actor;
      /** Stages that policy wants a person to approve before they run. */
      readonly asks: readonly string[];
    }
  | { readonly type: "stage_queued"; readonly stage_id: string; readonly attempt: number }
  | {
      readonly type: "stage_granted";
      readonly stage_id: string;
      readonly exec_id: string;
      readonly fence: number;
      readonly agent_id: string;
      readonly request_id: string;
      readonly lease_ms: number;
    }
  | {
      readonly type: "stage_handed_back";
      readonly stage_id: string;
      readonly exec_id: string;
      readonly next: "queued" | "cancelled";
    }
  | ({
      readonly type: "lease_lost";
      readonly stage_id: string;
      readonly exec_id: string;
      readonly next: "queued" | "needs_human" | "failed" | "cancelled";
    } & LostLease)
  | {
      readonly type: "exec_succeeded";
      readonly stage_id: string;
      readonly exec_id: string;
      readonly result: ExecResult;
    }
  | {
      readonly type: "exec_failed";
      readonly stage_id: string;
      readonly exec_id: string;
      readonly result: ExecResult;
      readonly reason: FailureReason;
      readonly next: "retry" | "failed" | "cancelled";
      /** How long a retry waits. Set with `next: "retry"`. */
      readonly backoff_ms?: number;
    }
  | { readonly type: "gate_reached"; readonly stage_id: string }
  | {
      readonly type: "decided";
      readonly stage_id: string;
      readonly subject: Subject;
      readonly decision: Decision;
      readonly digest: string;
      readonly note: string;
      readonly by: Actor;
      /** `pending`: approved, and waits for its requirements. `queued` follows as an event of its own. */
      readonly next: "pending" | "succeeded" | "failed";
    }
  | { readonly type: "stage_skipped"; readonly stage_id: string; readonly requirement: string }
  | { readonly type: "stage_cancelled"; readonly stage_id: string; readonly reason: "cancelled" | "fail_fast" }
  | { readonly type: "cancel_requested"; readonly by: Actor; readonly note: string }
  | { readonly type: "fail_fast_began"; readonly stage_id: string }
  | { readonly type: "run_retried"; readonly by: Actor }
  | { readonly type: "run_settled"; readonly status: RunEnd };

/** An event in its place: `seq` counts from 1 within its run, `at` is wall-clock milliseconds, for display only. */
export type Recorded<E extends RunEvent = RunEvent> = E & { readonly seq: number; readonly at: number };

/**
 * `expired`: its time passed. `agent_restarted`: the agent itself said that it lost the exec. `ended_by_agent`: the agent
 * could not renew it in time and ended its commands; its bundle is the evidence.
 */
export type LostLease =
  | { readonly cause: "expired" | "agent_restarted" }
  | { readonly cause: "ended_by_agent"; readonly result: ExecResult };

/** Who did it, by what their token says. */
export interface Actor {
  readonly role: Role;
  readonly name: string;
}

export type RunEnd = "succeeded" | "failed" | "cancelled";

/** What a person is asked: pass a gate, allow a command, or settle an exec whose lease was lost (`effects: once`). */
export type Subject = "gate" | "exec" | "lost_lease";
export type Decision = "approve" | "reject" | "retry" | "mark_succeeded" | "mark_failed";

/** Why we ended a command, or why a stage_run failed. How the process itself ended is its `exit`. */
export const failureReasons = [
  "exit_non_zero",
  "signal",
  "timeout",
  "idle_timeout",
  "cancelled",
  "lease_lost",
  "denied",
  "digest_mismatch",
  "workspace_missing",
  "spawn_failed",
  "output_invalid",
  "bundle_unwritable",
  "rejected",
  "marked_failed",
] as const;
export type FailureReason = (typeof failureReasons)[number];

/** How a process ended: one of the two is set. Null in a command that was never started. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** What a report left in the journal. The bundle holds the rest. */
export interface ExecResult {
  /** SHA-256 of manifest.json; null where no bundle could be written. */
  readonly manifest_sha256: string | null;
  readonly exits: readonly (Exit | null)[];
  readonly outputs: Readonly<Record<string, string>>;
  readonly started_at: string | null;
  readonly duration_ms: number;
  /** One sentence for people; empty on success. */
  readonly message: string;
  /** What held its commands; null where no bundle could be written. */
  readonly sandbox: SandboxLevel | null;
}
