/**
 * How many jobs to ask for beyond the free slots, so that no slot waits for the next answer. Measured, not set: short
 * stages need a few in advance, long ones none, since a job that waits here could run elsewhere.
 */
export interface Tuning {
  stageTook(ms: number): void;
  exchangeTook(ms: number): void;
  /** Jobs beyond the slots. */
  prefetch(slots: number): number;
  /** How long a new stage is likely to take, within bounds: until then a claim beside it would come too early. */
  settle_ms(): number;
}

/** A few slots may ask for so many beyond; many, for as many again. */
const PREFETCH_FEW = 32;
const LONG_STAGE_MS = 250;
const SETTLE_MS_MIN = 50;
const SETTLE_MS_UNKNOWN = 100;
const WEIGHT = 0.2;

export function makeTuning(): Tuning {
  let stage_ms: number | null = null;
  let exchange_ms = 10;
  return {
    stageTook(ms) {
      // cut, so that one long stage is forgotten after a few short ones
      const cut = Math.min(ms, 2 * LONG_STAGE_MS);
      stage_ms = mix(stage_ms ?? cut, cut);
    },
    exchangeTook(ms) {
      exchange_ms = mix(exchange_ms, ms);
    },
    prefetch(slots) {
      if (stage_ms === null || stage_ms > LONG_STAGE_MS) return 0;
      // a slot freed just after a request was sent waits for that answer and for the next one
      return Math.min(Math.max(PREFETCH_FEW, slots), Math.ceil((2 * slots * exchange_ms) / Math.max(stage_ms, 1)));
    },
    settle_ms: () =>
      stage_ms === null ? SETTLE_MS_UNKNOWN : Math.min(LONG_STAGE_MS, Math.max(SETTLE_MS_MIN, 3 * stage_ms)),
  };
}

const mix = (old: number, now: number): number => old + WEIGHT * (now - old);
