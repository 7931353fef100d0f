import { type AgentReach, mayTake, type MemoryRun } from "orchestrator-core";

/** A stage_run that was queued. Checked again when it is taken: it may have been cancelled or granted since. */
export interface Queued {
  readonly run: MemoryRun;
  readonly number: number;
}

/**
 * What waits for an agent, first come first served, in lanes of equal labels and workspace, so that a claim never
 * walks over jobs that it cannot take.
 */
export class JobQueue {
  readonly #lanes = new Map<string, { labels: readonly string[]; workspace: string; jobs: Fifo<Queued> }>();

  push(run: MemoryRun, number: number): void {
    const { spec } = run.plan.stages[number]!;
    const labels = spec.kind === "exec" ? spec.labels : [];
    const { workspace } = run.head;
    const key = [workspace, ...[...labels].sort()].join("\n");
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { labels, workspace, jobs: new Fifo() };
      this.#lanes.set(key, lane);
    }
    lane.jobs.push({ run, number });
  }

  /** The next job that an agent with this reach may take. */
  take(reach: AgentReach): Queued | undefined {
    for (const [key, lane] of this.#lanes) {
      if (!mayTake(reach, lane.labels, lane.workspace)) continue;
      for (let next = lane.jobs.shift(); next !== undefined; next = lane.jobs.shift()) {
        if (next.run.stage(next.number).state.status === "queued" && next.run.head.stopping === null) return next;
      }
      this.#lanes.delete(key);
    }
    return undefined;
  }
}

/** An array with a moving front: shift costs nothing. */
class Fifo<T> {
  #items: T[] = [];
  #front = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.#front === this.#items.length) return undefined;
    const item = this.#items[this.#front++];
    if (this.#front > 1_024 && this.#front * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#front);
      this.#front = 0;
    }
    return item;
  }
}
