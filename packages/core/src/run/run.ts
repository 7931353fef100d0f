import type { Plan } from "../workflow/plan.ts";
import type { Actor, Decision, ExecResult, FailureReason, RunEnd, Subject } from "./event.ts";

/**
 * A run in memory: one aggregate. Only `apply` changes it. Everything in it follows from the run's events, but
 * for `lease_deadline` and `due`: times on the monotonic clock of this process, set anew when a run is loaded.
 */
export interface Run {
  readonly run_id: string;
  readonly plan: Plan;
  readonly head: RunHead;
  /** By number of the plan. */
  stage(number: number): StageRun;
}

/** What a run knows of itself besides its stages. Replaced whole on each change. */
export interface RunHead {
  readonly seq: number;
  readonly status: "running" | RunEnd;
  readonly run_number: number;
  readonly workspace: string;
  readonly workflow_digest: string;
  readonly by: Actor;
  readonly created_at: number;
  readonly ended_at: number | null;
  /** Why nothing new is started. */
  readonly stopping:
    | null
    | { readonly cause: "cancelled"; readonly by: Actor; readonly note: string }
    | { readonly cause: "fail_fast"; readonly stage_id: string };
  /** How many stage_runs have each status, and how many pending ones wait only for their backoff. */
  readonly counts: Readonly<Record<StageStatus, number>>;
  readonly backing_off: number;
}

export const stageStatuses = [
  "pending",
  "queued",
  "running",
  "needs_human",
  "succeeded",
  "failed",
  "skipped",
  "cancelled",
] as const;
export type StageStatus = (typeof stageStatuses)[number];

export interface StageRun {
  readonly number: number;
  readonly state: StageState;
  /** Requirements that have not settled. At zero the condition is evaluated. */
  readonly unsettled: number;
  /** The first requirement that settled without success: why this stage will be skipped. */
  readonly unsuccessful: string | null;
  /** The last fence given out. */
  readonly fence: number;
  /** Failed reports and lost leases since the run was created or retried. Neither spends the other's budget. */
  readonly failures: number;
  readonly leases_lost: number;
  /** Policy wants a person's word before this stage runs. */
  readonly ask: boolean;
  /** The last decision on this stage_run, with the digest that it is bound to. */
  readonly approval: Approval | null;
  /** The word that lets its commands run, where policy asks for one. Stays when other questions follow. */
  readonly released: Approval | null;
  readonly jobs: readonly Job[];
  readonly execs: readonly Exec[];
  /** `seq` of the last event that touched this stage_run. 0: only the run's creation. */
  readonly changed_seq: number;
}

export type StageState =
  | { readonly status: "pending" /** Monotonic ms; null: no backoff. */; readonly due: number | null }
  | { readonly status: "queued"; readonly since: number }
  | {
      readonly status: "running";
      readonly exec_id: string;
      readonly fence: number;
      readonly agent_id: string;
      readonly request_id: string;
      readonly lease_ms: number;
      readonly since: number;
      /** Monotonic ms. */
      readonly lease_deadline: number;
    }
  | { readonly status: "needs_human"; readonly subject: Subject; readonly since: number }
  | {
      readonly status: "succeeded" /** Null: a gate. */;
      readonly exec_id: string | null;
      readonly outputs: Readonly<Record<string, string>>;
      readonly at: number;
    }
  | {
      readonly status: "failed";
      readonly reason: FailureReason;
      readonly message: string;
      readonly exec_id: string | null;
      readonly at: number;
    }
  | { readonly status: "skipped"; readonly requirement: string; readonly at: number }
  | { readonly status: "cancelled"; readonly reason: "cancelled" | "fail_fast"; readonly at: number };

export interface Approval {
  readonly subject: Subject;
  readonly decision: Decision;
  readonly digest: string;
  readonly by: Actor;
  readonly note: string;
  readonly at: number;
}

/** What an agent sees of a queued or running stage_run: one per try of the retry budget. */
export interface Job {
  readonly attempt: number;
  readonly status: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  readonly queued_at: number;
  readonly ended_at: number | null;
  /** `seq` of the event that queued it, and of the last that changed it. */
  readonly queued_seq: number;
  readonly changed_seq: number;
}

/** One grant of a job and what became of it. */
export interface Exec {
  readonly exec_id: string;
  readonly fence: number;
  readonly attempt: number;
  readonly agent_id: string;
  readonly granted_at: number;
  readonly end: null | ExecEnd;
}

/** `seq`: of the event that ended it. */
export type ExecEnd = { readonly at: number; readonly seq: number } & (
  | {
      /** `lost` here: its agent ended it, since the lease was over. */
      readonly outcome: "succeeded" | "failed" | "cancelled" | "lost";
      readonly reason: FailureReason | null;
      readonly result: ExecResult;
    }
  | { readonly outcome: "handed_back" | "lost" }
);

const SETTLED: Readonly<Record<StageStatus, boolean>> = {
  pending: false,
  queued: false,
  running: false,
  needs_human: false,
  succeeded: true,
  failed: true,
  skipped: true,
  cancelled: true,
};

/** A settled stage_run changes no more, unless the run is retried. */
export const isSettled = (status: StageStatus): boolean => SETTLED[status];

/** What a run shows: its status, or that only a person can move it on. */
export function shownStatus(head: RunHead): "running" | "needs_human" | RunEnd {
  if (head.status !== "running") return head.status;
  const moving = head.counts.queued + head.counts.running + head.backing_off;
  return moving === 0 && head.counts.needs_human > 0 ? "needs_human" : "running";
}

/** Agents are told to end these: the run is stopping and they still hold it. */
export const cancelIsDue = (run: Run, stage: StageRun): boolean =>
  run.head.stopping !== null && stage.state.status === "running";
