import { expect, test } from "vitest";
import { makeTuning } from "../src/tuning.ts";

function prefetch(slots: number, stage_ms: number, exchange_ms: number): number {
  const tuning = makeTuning();
  for (let i = 0; i < 100; i++) {
    tuning.stageTook(stage_ms);
    tuning.exchangeTook(exchange_ms);
  }
  return tuning.prefetch(slots);
}

test("short stages are asked for in advance, no more than there are slots, but a few where these are few", () => {
  expect(prefetch(2, 1, 20)).toBe(32);
  expect(prefetch(64, 1, 20)).toBe(64);
  expect(prefetch(8, 100, 20)).toBe(4);
  expect(prefetch(64, 300, 20)).toBe(0);
  expect(makeTuning().prefetch(64)).toBe(0);
});
