import { type AgentReach, mayTake, type MemoryRun } from "orchestrator-core";

/** A stage_run that was queued. Checked again when it is taken: it may have been cancelled or granted since. */
export interface Queued {
  readonly run: MemoryRun;
  readonly number: number;
  /** Its place in the order of all lanes. */
  readonly place: number;
}

/**
 * What waits for an agent, first come first served, in lanes of equal labels and workspace, so that a claim never
 * walks over jobs that it cannot take.
 */
export class JobQueue {
  readonly #lanes = new Map<string, { labels: readonly string[]; workspace: string; jobs: Fifo<Queued> }>();

  #place = 0;

  push(run: MemoryRun, number: number): void {
    const { spec } = run.plan.stages[number]!;
    const labels = spec.kind === "exec" ? spec.labels : [];
    const { workspace } = run.head;
    const key = JSON.stringify([workspace, ...[...labels].sort()]);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { labels, workspace, jobs: new Fifo() };
      this.#lanes.set(key, lane);
    }
    lane.jobs.push({ run, number, place: this.#place++ });
  }

  /** The next job that an agent with this reach may take. */
  take(reach: AgentReach): Queued | undefined {
    let first: Fifo<Queued> | undefined;
    for (const [key, lane] of this.#lanes) {
      // jobs that wait no more go first, whoever asks: no lane keeps runs that are over
      let head = lane.jobs.peek();
      while (head !== undefined && !waits(head)) head = lane.jobs.shift() && lane.jobs.peek();
      if (head === undefined) this.#lanes.delete(key);
      else if (mayTake(reach, lane.labels, lane.workspace) && !(head.place > (first?.peek()?.place ?? head.place)))
        first = lane.jobs;
    }
    return first?.shift();
  }
}

const waits = ({ run, number }: Queued): boolean =>
  run.stage(number).state.status === "queued" && run.head.stopping === null;

/** An array with a moving front: shift costs nothing. */
class Fifo<T> {
  #items: T[] = [];
  #front = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#front];
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
