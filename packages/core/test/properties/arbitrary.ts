import fc from "fast-check";
import { noLimits, type StageSpec, type WorkflowSpec } from "orchestrator-core";

/** What somebody tries on a run. Numbers choose among what is there, so that most of it makes sense and some does not. */
export interface Attempt {
  readonly what: "grant" | "report" | "expire" | "requeue" | "decide" | "cancel" | "retry" | "wait";
  readonly stage: number;
  /** Which exec of the stage: 0 the last, 1 the one before … */
  readonly back: number;
  readonly report: "succeeded" | "failed" | "cancelled" | "denied" | "handed_back" | "lost" | "lease_over";
  readonly decision: "approve" | "reject" | "retry" | "mark_succeeded" | "mark_failed";
  /** One thing about it is wrong. */
  readonly wrong: "nothing" | "fence" | "agent" | "digest" | "subject";
  readonly wait_ms: number;
}

export const attempts = (length: number): fc.Arbitrary<Attempt[]> =>
  fc.array(
    fc.record({
      what: fc.oneof(
        { weight: 8, arbitrary: fc.constant("grant" as const) },
        { weight: 8, arbitrary: fc.constant("report" as const) },
        { weight: 3, arbitrary: fc.constant("decide" as const) },
        { weight: 3, arbitrary: fc.constantFrom("expire" as const, "requeue" as const, "wait" as const) },
        { weight: 2, arbitrary: fc.constantFrom("cancel" as const, "retry" as const, "retry" as const) },
      ),
      stage: fc.nat(100),
      back: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(2) }),
      report: fc.constantFrom(
        ...([
          "succeeded",
          "succeeded",
          "failed",
          "failed",
          "cancelled",
          "denied",
          "handed_back",
          "lost",
          "lease_over",
        ] as const),
      ),
      decision: fc.constantFrom("approve", "approve", "reject", "retry", "mark_succeeded", "mark_failed"),
      wrong: fc.oneof(
        { weight: 8, arbitrary: fc.constant("nothing" as const) },
        {
          weight: 1,
          arbitrary: fc.constantFrom("fence" as const, "agent" as const, "digest" as const, "subject" as const),
        },
      ),
      wait_ms: fc.nat(2_000),
    }),
    { minLength: 1, maxLength: length },
  );

const stageSpec = (requires: readonly string[]): fc.Arbitrary<StageSpec> =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constant<StageSpec>({ kind: "gate", requires, message: "?" }) },
    {
      weight: 5,
      arbitrary: fc
        .record({
          effects: fc.constantFrom("idempotent" as const, "idempotent" as const, "once" as const),
          attempts_max: fc.integer({ min: 1, max: 3 }),
          backoff_ms: fc.nat(1_000),
          leases_lost_max: fc.integer({ min: 1, max: 3 }),
        })
        .map(
          ({ effects, attempts_max, backoff_ms, leases_lost_max }): StageSpec => ({
            kind: "exec",
            requires,
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
              effects,
              timeout_ms: null,
              sandbox: "none",
              network: false,
              limits: noLimits,
            },
            retry: { attempts_max, backoff_ms },
            leases_lost_max,
            labels: [],
          }),
        ),
    },
  );

/** A workflow of a few stages without a circle, and the stages that policy asks about. */
export const workflows: fc.Arbitrary<{ readonly workflow: WorkflowSpec; readonly asks: readonly string[] }> = fc
  .integer({ min: 1, max: 7 })
  .chain((count) =>
    fc.tuple(
      fc.boolean(),
      ...Array.from({ length: count }, (_, i) =>
        fc
          .tuple(fc.subarray(Array.from({ length: i }, (__, j) => `s${j}`)), fc.nat(9))
          .chain(([requires, luck]) => fc.tuple(stageSpec(requires), fc.constant(luck))),
      ),
    ),
  )
  .map(([fail_fast, ...stages]) => {
    const named = (stages as [StageSpec, number][]).map(([spec, luck], i) => ({ id: `s${i}`, spec, luck }));
    const asks = named.filter(({ spec, luck }) => spec.kind === "exec" && luck === 0).map(({ id }) => id);
    const workflow = {
      name: "w",
      intent: null,
      fail_fast,
      stages: Object.fromEntries(named.map(({ id, spec }) => [id, spec])),
    };
    return { workflow, asks };
  });
