import type { Clock } from "orchestrator-core";

/** Requests that wait for something to happen: claims for a job, heartbeats for a cancel. First come, first woken. */
export class Parked<T> {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves with what `wake` hands over, or with null after `wait_ms`, or when the caller went away. */
  wait(key: string, wait_ms: number, signal: AbortSignal | undefined): Promise<T | null> {
    return new Promise((resolve) => {
      const finish = (value: T | null): void => {
        if (!this.#waiting.delete(waiter)) return;
        cancelTimer();
        signal?.removeEventListener("abort", gone);
        resolve(value);
      };
      const gone = (): void => finish(null);
      const waiter: Waiter<T> = { key, finish };
      this.#waiting.add(waiter);
      const cancelTimer = this.#clock.after(wait_ms, gone);
      if (signal?.aborted) gone();
      else signal?.addEventListener("abort", gone);
    });
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Offers to each in turn; the first `undefined` answer leaves the waiter parked. */
  offer(make: (key: string) => T | undefined): void {
    for (const waiter of this.#waiting) {
      const value = make(waiter.key);
      if (value !== undefined) waiter.finish(value);
    }
  }

  release(key: string): void {
    for (const waiter of this.#waiting) if (waiter.key === key) waiter.finish(null);
  }

  releaseAll(): void {
    for (const waiter of this.#waiting) waiter.finish(null);
  }
}

interface Waiter<T> {
  readonly key: string;
  readonly finish: (value: T | null) => void;
}
