import type { Decision } from "orchestrator-core";
import { script } from "../cluster.ts";
import type { Dice } from "./random.ts";

/** A run to submit, what its client does with it, and how it may end. */
export interface Plan {
  readonly shape: string;
  readonly workflow: { readonly name: string; readonly stages: Readonly<Record<string, Stage>> };
  /** What the client answers; a gate is approved unless it is named here. */
  readonly gates: Readonly<Record<string, Decision>>;
  readonly cancel_after_ms: number | null;
  /** How often the client retries the run when it failed. */
  readonly retries: number;
  readonly ends: readonly string[];
}

interface Stage {
  readonly requires: readonly string[];
  readonly [key: string]: unknown;
}

/**
 * The command of every stage. `work SECONDS ok|flaky`: writes its start, works, writes its end, each in one write with
 * O_APPEND. A flaky one fails the first time that it comes to its end.
 */
export const WORK = `#!/bin/sh
read up _ < /proc/uptime
echo "start $ORCHESTRATOR_EXEC_ID $ORCHESTRATOR_RUN_ID $ORCHESTRATOR_STAGE_ID $up" >> evidence
[ "$1" = 0 ] || sleep "$1"
status=0
if [ "$2" = flaky ] && [ ! -e "flags/$ORCHESTRATOR_RUN_ID.$ORCHESTRATOR_STAGE_ID" ]; then
  : > "flags/$ORCHESTRATOR_RUN_ID.$ORCHESTRATOR_STAGE_ID"
  status=1
fi
read up _ < /proc/uptime
echo "end $ORCHESTRATOR_EXEC_ID $ORCHESTRATOR_RUN_ID $ORCHESTRATOR_STAGE_ID $up" >> evidence
exit $status
`;

/** The longest command. Shorter than two leases: left alone by a dead agent it cannot overlap its heir by one. */
export const LONGEST_S = 6;

function seconds(dice: Dice): number {
  const kind = dice.next();
  if (kind < 0.4) return 0;
  if (kind < 0.75) return dice.between(1, 5) / 10;
  return kind < 0.95 ? 1 : LONGEST_S;
}

const stage = (dice: Dice, requires: readonly string[], more: object = {}, mode = "ok"): Stage => ({
  requires,
  leases_lost_max: 100,
  exec: [script("work", String(seconds(dice)), mode)],
  ...more,
});

const names = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

function layers(dice: Dice): Record<string, Stage> {
  const width = dice.between(3, 8);
  const stages: Record<string, Stage> = {};
  for (let layer = 0; layer < dice.between(2, 4); layer++) {
    for (let i = 0; i < width; i++) {
      const requires = layer === 0 ? [] : [`s${layer - 1}-${i}`, `s${layer - 1}-${(i + 1) % width}`];
      stages[`s${layer}-${i}`] = stage(dice, requires);
    }
  }
  return stages;
}

function chain(dice: Dice): Record<string, Stage> {
  return Object.fromEntries(
    names("c", dice.between(4, 10)).map((id, i) => [id, stage(dice, i === 0 ? [] : [`c${i - 1}`])]),
  );
}

function fanIn(dice: Dice): Record<string, Stage> {
  const wide = names("w", dice.between(5, 20));
  return {
    first: stage(dice, []),
    ...Object.fromEntries(wide.map((id) => [id, stage(dice, ["first"])])),
    last: stage(dice, wide),
  };
}

export function makePlan(dice: Dice, number: number): Plan {
  const shape = dice.pick(["layers", "chain", "fan-in", "flaky", "once", "gates", "cancel", "fails"]);
  const plan = { shape, gates: {}, cancel_after_ms: null, retries: 0, ends: ["succeeded"] } as const;
  const workflow = (stages: Record<string, Stage>) => ({ name: `${shape}-${number}`, stages });
  switch (shape) {
    case "chain":
      return { ...plan, workflow: workflow(chain(dice)) };
    case "fan-in":
      return { ...plan, workflow: workflow(fanIn(dice)) };
    case "flaky": {
      const retry = { retry: { attempts_max: 3, backoff: "200ms" } };
      const flaky = names("f", 4).map((id): [string, Stage] => [id, stage(dice, ["first"], retry, "flaky")]);
      return { ...plan, workflow: workflow({ first: stage(dice, []), ...Object.fromEntries(flaky) }) };
    }
    case "once": {
      const once = names("o", 4).map((id): [string, Stage] => [id, stage(dice, [], { effects: "once" })]);
      return {
        ...plan,
        workflow: workflow({ ...Object.fromEntries(once), after: stage(dice, ["o0", "o1", "o2", "o3"]) }),
      };
    }
    case "gates": {
      const rejects = dice.chance(0.3);
      const gate = (requires: string[]): Stage => ({ kind: "gate", requires, message: "go on?" });
      const stages = {
        a: stage(dice, []),
        g: gate(["a"]),
        b: stage(dice, ["g"]),
        h: gate(["b"]),
        c: stage(dice, ["h"]),
      };
      return {
        ...plan,
        workflow: workflow(stages),
        gates: rejects ? { h: "reject" } : {},
        ends: [rejects ? "failed" : "succeeded"],
      };
    }
    case "cancel":
      return {
        ...plan,
        workflow: workflow(layers(dice)),
        cancel_after_ms: dice.between(0, 1_500),
        ends: ["cancelled", "succeeded"],
      };
    case "fails":
      return {
        ...plan,
        workflow: workflow({ a: stage(dice, []), b: stage(dice, ["a"], {}, "flaky"), c: stage(dice, ["b"]) }),
        retries: 1,
      };
    default:
      return { ...plan, workflow: workflow(layers(dice)) };
  }
}
