import { randomBytes } from "node:crypto";
import type { Clock, Random } from "orchestrator-core";

/** The machine's clocks. A delay of 0 is the next turn of the event loop, after what has arrived from the world. */
export const realClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(delay_ms, fn) {
    if (delay_ms <= 0) {
      const immediate = setImmediate(fn);
      return () => clearImmediate(immediate);
    }
    // a longer delay than Node's timers take would fire at once
    const timer = setTimeout(fn, Math.min(delay_ms, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};

export const realRandom: Random = (count) => randomBytes(count);
