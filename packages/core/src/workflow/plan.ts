import { digestOf } from "../canonical.ts";
import { graphOf, order } from "../graph.ts";
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
  const ids = order(graphOf(workflow.stages));
  assert(ids.length === Object.keys(workflow.stages).length, "a plan is made of a workflow without a cycle");
  const numbers = new Map(ids.map((stage_id, number) => [stage_id, number]));
  const dependents: number[][] = ids.map(() => []);
  const stages = ids.map((stage_id, number): PlannedStage => {
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
