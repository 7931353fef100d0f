import type { ProcessEnvironment } from "./exec/environment.ts";
import { NO_SANDBOX, type Sandbox, type SandboxDriver } from "./sandbox/sandbox.ts";

/** How an agent is set up. Paths are absolute. */
export interface AgentOptions {
  readonly state: string;
  /** Null: what `daemon.json` in the state directory says, read again whenever there is no answer. */
  readonly daemon: string | null;
  /** Null: the lowest free `local-N`. */
  readonly agent_id: string | null;
  /** The token of this agent alone. Left out: the one of all agents of this state directory. */
  readonly token_file?: string;
  /** Where secrets lie, one file each, named as they are. */
  readonly secrets: string;
  readonly slots: number;
  readonly labels: readonly string[];
  readonly workspace_roots: readonly string[];
  /** Of this process. What the allow-list names is passed on to commands. */
  readonly environment: ProcessEnvironment;
  /** Between SIGTERM and SIGKILL. */
  readonly grace_ms: number;
  /** How long a shutdown lets commands run on. */
  readonly drain_ms: number;
  /** What is to hold commands, and what was found to. */
  readonly sandbox: { readonly driver: SandboxDriver; readonly found: Sandbox };
}

export const optionDefaults = {
  labels: [],
  agent_id: null,
  daemon: null,
  grace_ms: 5_000,
  drain_ms: 10_000,
  sandbox: { driver: "none", found: NO_SANDBOX },
} as const;

/** Times that nobody needs to set. */
export const times = {
  /** Longest wait of a parked claim. Cut down to half a lease, since leases count from the request. */
  claim_wait_ms_max: 20_000,
  /** Taken for granted until a grant says more. */
  lease_ms_assumed: 30_000,
  /** An exec that is held this long is worth a heartbeat. */
  heartbeat_first_ms: 500,
  /** A job that waits this long for a slot is handed back. */
  queue_ms_max: 500,
  /** Above the wait that was asked for: how long an answer may take. */
  answer_ms: 10_000,
  /** How long processes are looked after once they were sent SIGKILL. */
  kill_ms: 5_000,
  /** How long a shutdown waits for its last reports to be answered. */
  farewell_ms: 5_000,
} as const;

/** When the agent must have ended its commands, counted from the request that the lease came with. */
export const leaseDeadline = (sent: number, lease_ms: number): number =>
  sent + lease_ms - Math.min(lease_ms / 6, 3_000);
