import { randomBytes } from "node:crypto";
import type { Clock, Random } from "orchestrator-core";

const TIMER_MS_MAX = 2 ** 31 - 1;

/** The machine's clocks. A delay of 0 is the next turn of the event loop, after what has arrived from the world. */
export const realClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(delay_ms, fn) {
    if (delay_ms <= 0) {
      const immediate = setImmediate(fn);
      return () => clearImmediate(immediate);
    }
    let timer: NodeJS.Timeout;
    const wait = (left_ms: number): void => {
      // a longer delay than Node's timers take would fire at once
      if (left_ms > TIMER_MS_MAX) timer = setTimeout(() => wait(left_ms - TIMER_MS_MAX), TIMER_MS_MAX);
      else timer = setTimeout(fn, left_ms);
    };
    wait(delay_ms);
    return () => clearTimeout(timer);
  },
};

export const realRandom: Random = (count) => randomBytes(count);
