import {
  apply,
  AssertionFailed,
  digestOf,
  makePlan,
  MemoryRun,
  type Plan,
  type Recorded,
  type RunEvent,
  type WorkflowSpec,
} from "orchestrator-core";
import { type Store, StoreDamaged } from "../store/store.ts";

/** The run's journal or its workflow cannot be read. The run is set aside; the others go on. */
export class RunUnreadable extends Error {
  override name = "RunUnreadable";
}

/** Plans by workflow and policy, shared by all runs of the same workflow. */
export class Plans {
  readonly #plans = new Map<string, Plan>();
  readonly #store: Pick<Store, "workflow">;
  /** Workflows that the store is known to have. */
  readonly stored = new Set<string>();

  constructor(store: Pick<Store, "workflow">) {
    this.#store = store;
  }

  put(digest: string, plan: Plan): void {
    const key = `${digest} ${plan.policy_digest}`;
    this.#plans.delete(key);
    this.#plans.set(key, plan);
    for (const oldest of this.#plans.keys()) {
      if (this.#plans.size <= PLANS_MAX) break;
      this.#plans.delete(oldest);
    }
  }

  cached(digest: string, policy_digest: string): Plan | undefined {
    return this.#plans.get(`${digest} ${policy_digest}`);
  }

  async get(digest: string, policy_digest: string): Promise<Plan> {
    const cached = this.cached(digest, policy_digest);
    if (cached) return cached;
    const text = await this.#store.workflow(digest);
    if (text === null) throw new RunUnreadable(`workflow ${digest} is not in the store`);
    const workflow = JSON.parse(text) as WorkflowSpec;
    const actual = digestOf(workflow);
    if (actual !== digest) throw new RunUnreadable(`workflow ${digest} has the digest ${actual}`);
    const plan = makePlan(workflow, policy_digest);
    this.put(digest, plan);
    this.stored.add(digest);
    return plan;
  }
}
const PLANS_MAX = 32;

/** Replays a run's journal. Null where it has none. Throws `RunUnreadable`. */
export async function loadRun(store: Store, plans: Plans, run_id: string, now: number): Promise<MemoryRun | null> {
  try {
    const rows = await store.journal(run_id, 0);
    if (rows.length === 0) return null;
    const events = rows.flatMap((row) => JSON.parse(row.events) as Recorded[]);
    const [created] = events;
    if (created?.type !== "run_created") throw new RunUnreadable("its journal does not begin with run_created");
    const plan = await plans.get(created.workflow_digest, created.policy_digest);
    if (plan.plan_digest !== created.plan_digest) {
      throw new RunUnreadable(`its plan has the digest ${plan.plan_digest}, and ${created.plan_digest} was accepted`);
    }
    const run = new MemoryRun(run_id, plan);
    for (const event of events) apply(run, event, now);
    return run;
  } catch (error) {
    if (error instanceof RunUnreadable) throw error;
    // a store that does not answer is nothing that is wrong with this run
    if (
      !(
        error instanceof StoreDamaged ||
        error instanceof SyntaxError ||
        error instanceof AssertionFailed ||
        error instanceof TypeError
      )
    )
      throw error;
    throw new RunUnreadable(error.message, { cause: error });
  }
}

/** The stages that an event speaks of. */
export function stagesOf(run: MemoryRun, events: readonly RunEvent[]): Set<number> {
  const numbers = new Set<number>();
  for (const event of events) {
    if ("stage_id" in event && event.type !== "fail_fast_began") numbers.add(run.plan.numbers.get(event.stage_id)!);
    else if (event.type === "run_created") for (const { number } of run.plan.stages) numbers.add(number);
    else if (event.type === "run_retried") for (const { number } of run.plan.stages) numbers.add(number);
  }
  return numbers;
}
