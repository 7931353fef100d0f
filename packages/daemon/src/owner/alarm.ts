import type { Clock } from "orchestrator-core";

/** One timer for all that is due at some time: it goes off at the earliest that was asked for. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #off = false;
  #set: { readonly at: number; readonly cancel: () => void } | null = null;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** `at`: monotonic ms; infinity asks for nothing. */
  by(at: number): void {
    if (this.#off || at === Number.POSITIVE_INFINITY || (this.#set !== null && this.#set.at <= at)) return;
    this.#set?.cancel();
    const cancel = this.#clock.after(Math.max(0, at - this.#clock.now()), () => {
      this.#set = null;
      this.#ring();
    });
    this.#set = { at, cancel };
  }

  /** For good. */
  off(): void {
    this.#off = true;
    this.#set?.cancel();
  }
}
