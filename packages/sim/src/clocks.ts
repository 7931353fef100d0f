import type { Clock } from "orchestrator-core";
import type { Dice } from "./random.ts";
import type { Scheduler, Scope } from "./scheduler.ts";

/** Wall time of one machine. It jumps; monotonic clocks do not. */
export class WallClock {
  offset_ms = 0;
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  now = (): number => Math.floor(1_700_000_000_000 + this.#scheduler.now + this.offset_ms);
}

/** How far a process's clock is off: at most 100 ppm, as of a bad quartz. */
const DRIFT = 1e-4;

/** Even a turn of the event loop takes time: nothing that asks again at once can stop the world. */
const TURN_MS = 0.001;

/**
 * The clock of one process: an origin of its own and a slight drift. Timers fire late as on a busy machine, and up to
 * a millisecond early as Node's do.
 */
export function makeClock(scheduler: Scheduler, scope: Scope, wall: WallClock, dice: Dice): Clock {
  const origin = scheduler.now;
  const offset = dice.int(0, 1_000_000);
  const rate = 1 + DRIFT * (2 * dice.float() - 1);
  const now = (): number => offset + (scheduler.now - origin) * rate;
  return {
    now,
    wall: wall.now,
    after(delay_ms, fn) {
      if (!scope.alive) return () => {};
      if (delay_ms <= 0) return scheduler.after(TURN_MS, scope, fn);
      const whole = delay_ms / rate;
      const luck = dice.float();
      const slack = luck < 0.1 ? -dice.float() : luck < 0.6 ? dice.float() : luck < 0.99 ? 0 : dice.around(5);
      return scheduler.after(Math.max(TURN_MS, whole + slack), scope, fn);
    },
  };
}
