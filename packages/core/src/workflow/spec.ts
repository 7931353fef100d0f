/**
 * The internal form of a workflow: what a person wrote, with every default made explicit and every duration in
 * milliseconds. It is immutable, stored once by its digest, and what a run executes. `parse.ts` makes it.
 */
export interface WorkflowSpec {
  readonly name: string;
  readonly intent: Intent | null;
  /** The first failed stage cancels what has not settled. */
  readonly fail_fast: boolean;
  readonly stages: Readonly<Record<string, StageSpec>>;
}

/** What the author wants, in words. Stands outside of every digest but the workflow's own. */
export interface Intent {
  readonly goal?: string;
  readonly constraints?: readonly string[];
}

export type StageSpec = ExecStageSpec | GateStageSpec;

export interface ExecStageSpec {
  readonly kind: "exec";
  readonly requires: readonly string[];
  readonly exec: ExecBlock;
  readonly retry: RetrySpec;
  /** How many leases may expire before the stage fails. Spends nothing of `retry`. */
  readonly leases_lost_max: number;
  /** Labels that an agent must have to be given the job. */
  readonly labels: readonly string[];
}

export interface GateStageSpec {
  readonly kind: "gate";
  readonly requires: readonly string[];
  readonly message: string;
}

export interface RetrySpec {
  /** How many failed reports end the stage. 1 = no retry. */
  readonly attempts_max: number;
  readonly backoff_ms: number;
}

/** How a command that has to end is asked to: this signal to all its processes, and SIGKILL after the grace. */
export interface StopSpec {
  readonly signal: StopSignal;
  /** Null: the agent's own. Where a lease is over, or the agent goes, never more than that. */
  readonly grace_ms: number | null;
}

export const stopSignals = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
export type StopSignal = (typeof stopSignals)[number];

/** What an agent runs, whole: `exec_digest` is the SHA-256 of its canonical JSON. */
export interface ExecBlock {
  readonly commands: readonly CommandSpec[];
  /** `once`: never run again by itself after a lost lease. */
  readonly effects: "idempotent" | "once";
  /** Bound on all commands together. */
  readonly timeout_ms: number | null;
  /** The least that has to hold its commands: where an agent reaches less, none of them starts. */
  readonly sandbox: SandboxLevel;
  /** Whether commands in a sandbox share the machine's network. */
  readonly network: boolean;
  readonly limits: LimitsSpec;
}

/**
 * What the operating system keeps commands from. `none`: nothing, they have all rights of their user. `contained`: a
 * view of the machine of their own, in which they can write their workspace and nothing else.
 */
export const sandboxLevels = ["none", "contained"] as const;
export type SandboxLevel = (typeof sandboxLevels)[number];

/** Of each process of a command, `processes` of all together. Null: none but the agent's. */
export interface LimitsSpec {
  readonly cpu_time_ms: number | null;
  /** Memory that it may write to and shares with nobody. */
  readonly memory_bytes: number | null;
  readonly processes: number | null;
  readonly file_size_bytes: number | null;
  readonly open_files: number | null;
}

export const noLimits: LimitsSpec = {
  cpu_time_ms: null,
  memory_bytes: null,
  processes: null,
  file_size_bytes: null,
  open_files: null,
};

/** One command: an argv, never a shell line. `cwd` is relative to the workspace, `.` for the workspace itself. */
export interface CommandSpec {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Variables whose values are secrets, with the names of these. The agent has the values. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly timeout_ms: number | null;
  /** Ended when it has written nothing to its stdout and stderr for this long. */
  readonly idle_timeout_ms: number | null;
  readonly stop: StopSpec;
  /** A request to start a shell. Policy answers it. */
  readonly allow_shell: boolean;
  /** The next command runs, and the stage may succeed, although this one failed. */
  readonly allow_failure: boolean;
}
