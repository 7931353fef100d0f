import {
  type Action,
  apply,
  type ExecReport,
  makePlan,
  MemoryRun,
  noLimits,
  type Problem,
  type Recorded,
  transition,
  type WorkflowSpec,
} from "orchestrator-core";

/** A run under test: acts, applies, and remembers every event. */
export class World {
  now = 0;
  readonly run: MemoryRun;
  readonly events: Recorded[] = [];
  #execs = 0;

  constructor(workflow: WorkflowSpec, asks: readonly string[] = []) {
    this.run = new MemoryRun("01J00000000000000000000000", makePlan(workflow, "0".repeat(64)));
    this.act({
      type: "create",
      run_number: 1,
      workflow_digest: "1".repeat(64),
      workspace: "/ws",
      by: operator,
      asks,
    });
  }

  /** The events, or the refusal. */
  try(action: Action): readonly Recorded[] | Problem {
    const decided = transition(this.run, action, this.now);
    if (!decided.ok) return decided.error;
    const recorded = decided.value.map(
      (event, i): Recorded => ({ ...event, seq: this.run.head.seq + 1 + i, at: 1_000 }),
    );
    for (const event of recorded) apply(this.run, event, this.now);
    this.events.push(...recorded);
    return recorded;
  }

  act(action: Action): readonly Recorded[] {
    const result = this.try(action);
    if (!Array.isArray(result)) throw new Error(JSON.stringify(result));
    return result as readonly Recorded[];
  }

  grant(stage_id: string, agent_id = "a1"): { stage_id: string; exec_id: string; fence: number; agent_id: string } {
    const exec_id = `exec-${++this.#execs}`;
    this.act({ type: "grant", stage_id, exec_id, agent_id, request_id: "r", lease_ms: 30_000 });
    const { fence } = this.run.stage(this.number(stage_id));
    return { stage_id, exec_id, fence, agent_id };
  }

  succeed(stage_id: string): void {
    this.act({ type: "complete", ...this.grant(stage_id), report: success(`m-${stage_id}`) });
  }

  fail(stage_id: string): void {
    this.act({ type: "complete", ...this.grant(stage_id), report: failure(`m-${stage_id}-${this.#execs}`) });
  }

  number = (stage_id: string): number => this.run.plan.numbers.get(stage_id)!;
  status = (stage_id: string): string => this.run.stage(this.number(stage_id)).state.status;
  statuses = (): Record<string, string> =>
    Object.fromEntries(this.run.plan.stages.map(({ stage_id }) => [stage_id, this.status(stage_id)]));
}

export const operator = { role: "operator", name: "operator" } as const;

const result = (manifest_sha256: string) => ({
  manifest_sha256,
  exits: [{ code: 0, signal: null }],
  outputs: {},
  started_at: null,
  duration_ms: 1,
  message: "",
  sandbox: "none" as const,
});
export const success = (manifest: string): ExecReport => ({
  kind: "ended",
  outcome: "succeeded",
  result: result(manifest),
});
export const failure = (manifest: string): ExecReport => ({
  kind: "ended",
  outcome: "failed",
  reason: "exit_non_zero",
  result: result(manifest),
});
export const cancelledReport = (manifest: string): ExecReport => ({
  kind: "ended",
  outcome: "cancelled",
  reason: "cancelled",
  result: result(manifest),
});

type Options = Partial<{
  requires: string[];
  attempts_max: number;
  leases_lost_max: number;
  effects: "idempotent" | "once";
  gate: boolean;
}>;

/** `{ a: {}, b: { requires: ["a"] } }` as a workflow; each exec stage runs `true`. */
export function workflow(stages: Record<string, Options>, fail_fast = false): WorkflowSpec {
  return {
    name: "w",
    intent: null,
    fail_fast,
    stages: Object.fromEntries(
      Object.entries(stages).map(([stage_id, options]) => [
        stage_id,
        options.gate === true
          ? { kind: "gate", requires: options.requires ?? [], message: "?" }
          : {
              kind: "exec",
              requires: options.requires ?? [],
              exec: {
                commands: [
                  {
                    argv: ["true"],
                    cwd: ".",
                    env: {},
                    secrets: {},
                    timeout_ms: null,
                    idle_timeout_ms: null,
                    stop: { signal: "SIGTERM", grace_ms: null },
                    allow_shell: false,
                    allow_failure: false,
                  },
                ],
                effects: options.effects ?? "idempotent",
                timeout_ms: null,
                sandbox: "none",
                network: false,
                limits: noLimits,
              },
              retry: { attempts_max: options.attempts_max ?? 1, backoff_ms: 1_000 },
              leases_lost_max: options.leases_lost_max ?? 3,
              labels: [],
            },
      ]),
    ),
  };
}
