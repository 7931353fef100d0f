import type { Clock, Recorded } from "orchestrator-core";

/**
 * Those who watch runs. They hear of an event when it is stored.
 *
 * 1. All who watch a run are told the same portions, in the same arrays: what is made of one is made once for all.
 * 2. What comes right after a portion waits for the next, `PACE_MS` later, so that many watchers of a busy run do not
 *    cost more than the run does. The end of a run waits for nothing.
 */
export class Followers {
  readonly #clock: Clock;
  readonly #byRun = new Map<string, Watched>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  follow(run_id: string): Follower {
    const watched = this.#byRun.get(run_id) ?? new Watched(this.#clock);
    this.#byRun.set(run_id, watched);
    const follower = new Follower(() => {
      watched.followers.delete(follower);
      if (watched.followers.size > 0 || this.#byRun.get(run_id) !== watched) return;
      watched.rest();
      this.#byRun.delete(run_id);
    });
    watched.followers.add(follower);
    return follower;
  }

  publish(stored: ReadonlyMap<string, readonly Recorded[]>): void {
    if (this.#byRun.size === 0) return;
    for (const [run_id, events] of stored) this.#byRun.get(run_id)?.publish(events);
  }

  close(): void {
    for (const { followers } of this.#byRun.values()) for (const follower of followers) follower.stop();
  }
}

/** A person sees no delay in it. */
const PACE_MS = 100;

/** One run, and all who watch it. */
class Watched {
  readonly followers = new Set<Follower>();
  readonly #clock: Clock;
  #gathered: Recorded[] = [];
  #told_at = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  publish(events: readonly Recorded[]): void {
    for (const event of events) this.#gathered.push(event);
    const wait_ms = this.#told_at + PACE_MS - this.#clock.now();
    if (wait_ms <= 0 || events.some(({ type }) => type === "run_settled")) this.#tell();
    else this.#cancel ??= this.#clock.after(wait_ms, () => this.#tell());
  }

  #tell(): void {
    this.rest();
    this.#told_at = this.#clock.now();
    const portion = this.#gathered;
    this.#gathered = [];
    for (const follower of this.followers) follower.push(portion);
  }

  /** Tells nothing by itself. */
  rest(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}

/** Above it a watcher that does not keep up is told to read what is stored. */
const BUFFERED_MAX = 4_096;

/** What one watcher has not yet taken. Bounded: one that reads slowly, or never, costs no more than that. */
export class Follower {
  #portions: (readonly Recorded[])[] = [];
  #held = 0;
  /** Events were dropped since the last call of `take`. */
  #behind = false;
  #wake: (() => void) | null = null;
  #stopped = false;
  readonly #leave: () => void;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  push(portion: readonly Recorded[]): void {
    if (this.#behind) return;
    this.#held += portion.length;
    if (this.#held > BUFFERED_MAX) {
      this.#behind = true;
      this.#portions = [];
    } else this.#portions.push(portion);
    this.#wake?.();
  }

  /** The next portion of those that came; waits for one. Empty once it was stopped; null: some were dropped. */
  async take(): Promise<readonly Recorded[] | null> {
    if (this.#portions.length === 0 && !this.#behind && !this.#stopped) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    if (this.#behind) {
      this.#behind = false;
      this.#held = 0;
      return null;
    }
    const portion = this.#portions.shift() ?? [];
    this.#held -= portion.length;
    return portion;
  }

  stop(): void {
    this.#stopped = true;
    this.#leave();
    this.#wake?.();
  }
}
