import { describe, expect, test } from "vitest";
import { drainsInPlace } from "../src/drive.ts";
import { runSeeds } from "../src/pool.ts";
import { simulate } from "../src/simulate.ts";
import { newSummary, noteOutcome, thin } from "../src/summary.ts";

const SEEDS = 200;

describe("a seed", () => {
  test("gives the same history twice, byte for byte", async () => {
    for (const seed of ["7", "42", "1041"]) {
      const first = await simulate(seed);
      const second = await simulate(seed);
      expect(first.trace.length).toBeGreaterThan(100);
      expect(second.trace).toEqual(first.trace);
    }
  });

  test("gives the same history when every event has a turn of Node's own event loop", async () => {
    const inPlace = await simulate("42");
    const byTurns = await simulate("42", { drain: () => {} });
    expect(byTurns.trace).toEqual(inPlace.trace);
  });

  test("gives another history than its neighbour", async () => {
    expect((await simulate("43")).trace).not.toEqual((await simulate("42")).trace);
  });
});

test.each([
  ["while the daemon that lost its power is not back", "20014032"],
  ["while a request that was sent again may still reopen a run", "20016028"],
])("the end is not looked at %s (seed %s)", async (_, seed) => {
  expect((await simulate(seed!)).violations).toEqual([]);
});

test("a report that meets with silence does not keep a late grant from being handed back (seed 50054245)", async () => {
  expect((await simulate("50054245")).violations).toEqual([]);
});

test("a report that comes late, after its repetition was answered, is granted nothing (seed 71001956)", async () => {
  expect((await simulate("71001956")).violations).toEqual([]);
});

test("promises are run to their end within one call, and it shows where they are not", async () => {
  // a microtask cannot run microtasks, so this is asked from a turn of its own
  const here = await new Promise<boolean>((resolve) => {
    const tick = (process as unknown as { _tickCallback: () => void })._tickCallback;
    setImmediate(() => resolve(drainsInPlace(tick)));
  });
  expect(here).toBe(true);
  expect(drainsInPlace(() => {})).toBe(false);
});

test(`${SEEDS} seeds break no promise, and do enough to say so`, async () => {
  const summary = newSummary();
  const worker = new URL("../dist/worker.js", import.meta.url);
  await runSeeds({ first: 1, count: SEEDS, jobs: 2, worker }, (report) => noteOutcome(summary, report)).ended;
  expect(summary.seeds).toBe(SEEDS);
  expect(summary.failed).toEqual([]);
  expect(thin(summary)).toEqual([]);
}, 900_000);
