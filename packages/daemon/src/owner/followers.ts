import type { Recorded } from "orchestrator-core";

/** Those who watch runs. They hear of an event when it is stored. */
export class Followers {
  readonly #byRun = new Map<string, Set<Follower>>();

  follow(run_id: string): Follower {
    let followers = this.#byRun.get(run_id);
    if (followers === undefined) {
      followers = new Set();
      this.#byRun.set(run_id, followers);
    }
    const follower = new Follower(() => {
      followers.delete(follower);
      if (followers.size === 0 && this.#byRun.get(run_id) === followers) this.#byRun.delete(run_id);
    });
    followers.add(follower);
    return follower;
  }

  publish(stored: ReadonlyMap<string, readonly Recorded[]>): void {
    if (this.#byRun.size === 0) return;
    for (const [run_id, events] of stored) {
      for (const follower of this.#byRun.get(run_id) ?? []) follower.push(events);
    }
  }

  close(): void {
    for (const followers of this.#byRun.values()) for (const follower of followers) follower.stop();
  }
}

/** Above it a watcher that does not keep up is told to read what is stored. */
const BUFFERED_MAX = 4_096;

/** What one watcher has not yet taken. Bounded: one that reads slowly, or never, costs no more than that. */
export class Follower {
  #events: Recorded[] = [];
  /** Events were dropped since the last call of `take`. */
  #behind = false;
  #wake: (() => void) | null = null;
  #stopped = false;
  readonly #leave: () => void;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  push(events: readonly Recorded[]): void {
    if (this.#behind) return;
    if (this.#events.length + events.length > BUFFERED_MAX) {
      this.#behind = true;
      this.#events = [];
    } else for (const event of events) this.#events.push(event);
    this.#wake?.();
  }

  /** The events that came since the last call; waits for one. Empty once it was stopped; null: some were dropped. */
  async take(): Promise<readonly Recorded[] | null> {
    if (this.#events.length === 0 && !this.#behind && !this.#stopped) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    const taken = this.#behind ? null : this.#events;
    this.#events = [];
    this.#behind = false;
    return taken;
  }

  stop(): void {
    this.#stopped = true;
    this.#leave();
    this.#wake?.();
  }
}
