import { digestOf } from "../canonical.ts";
import { assert } from "../result.ts";
import type { StageSpec, WorkflowSpec } from "./spec.ts";

/**
 * A workflow made ready for scheduling: stages by number, edges both ways, digests. Immutable and shared by all
 * runs of the workflow. Numbers follow the topological order (ties by name), so a stage comes after all that it requires.
 */
export interface Plan {
  readonly workflow: WorkflowSpec;
  readonly stages: readonly PlannedStage[];
  readonly numbers: ReadonlyMap<string, number>;
  /** Of the whole plan: commands, requirements and policy. What an approval of a gate is bound to. */
  readonly plan_digest: string;
  readonly policy_digest: string;
}

export interface PlannedStage {
  readonly number: number;
  readonly stage_id: string;
  readonly spec: StageSpec;
  readonly requires: readonly number[];
  readonly dependents: readonly number[];
  /** Null for a gate. */
  readonly exec_digest: string | null;
}

/** Takes a workflow that `parse.ts` accepted: its requirements exist, once each, and it has no cycle. */
export function makePlan(workflow: WorkflowSpec, policy_digest: string): Plan {
  const order = topologicalOrder(workflow);
  const numbers = new Map(order.map((stage_id, number) => [stage_id, number]));
  const dependents: number[][] = order.map(() => []);
  const stages = order.map((stage_id, number): PlannedStage => {
    const spec = workflow.stages[stage_id]!;
    const requires = spec.requires.map((id) => numbers.get(id)!).sort((a, b) => a - b);
    for (const required of requires) dependents[required]!.push(number);
    const exec_digest = spec.kind === "exec" ? digestOf(spec.exec) : null;
    return { number, stage_id, spec, requires, dependents: dependents[number]!, exec_digest };
  });
  const plan_digest = digestOf({
    stages: Object.fromEntries(
      stages.map((s) => [s.stage_id, [s.exec_digest, [...s.spec.requires].sort(), "all_succeeded"]]),
    ),
    params: {},
    policy_digest,
    workspace_base: null,
  });
  return { workflow, stages, numbers, plan_digest, policy_digest };
}

/** Kahn's algorithm, level by level, names in order within a level. */
function topologicalOrder(workflow: WorkflowSpec): string[] {
  const unmet = new Map<string, number>();
  const dependents = new Map<string, string[]>();
  for (const [stage_id, { requires }] of Object.entries(workflow.stages)) {
    unmet.set(stage_id, requires.length);
    for (const id of requires) {
      const list = dependents.get(id);
      if (list) list.push(stage_id);
      else dependents.set(id, [stage_id]);
    }
  }
  const order: string[] = [];
  let level = [...unmet.keys()].filter((id) => unmet.get(id) === 0).sort();
  while (level.length > 0) {
    order.push(...level);
    const next: string[] = [];
    for (const id of level) {
      for (const dependent of dependents.get(id) ?? []) {
        const left = unmet.get(dependent)! - 1;
        unmet.set(dependent, left);
        if (left === 0) next.push(dependent);
      }
    }
    level = next.sort();
  }
  assert(order.length === unmet.size, "a plan is made of a workflow without a cycle");
  return order;
}
