import { expect, test } from "vitest";
import { Dice } from "../src/random.ts";
import { Scheduler, Scope } from "../src/scheduler.ts";

function run(scheduler: Scheduler): void {
  while (scheduler.step());
}

test("events happen by time, and those of one time in the order in which they were asked for", () => {
  const scheduler = new Scheduler();
  const dice = new Dice("order");
  const asked = Array.from({ length: 500 }, (_, i) => ({ at: dice.int(0, 20), i }));
  const seen: { at: number; i: number }[] = [];
  for (const task of asked) scheduler.at(task.at, null, () => seen.push(task));
  run(scheduler);
  expect(seen).toEqual([...asked].sort((a, b) => a.at - b.at || a.i - b.i));
});

test("nothing of a dead process happens, and what a paused one was to do waits for it in order", () => {
  const scheduler = new Scheduler();
  const dead = new Scope("dead");
  const paused = new Scope("paused");
  const seen: string[] = [];
  scheduler.at(5, dead, () => seen.push("dead"));
  scheduler.at(5, paused, () => seen.push("first"));
  scheduler.at(6, paused, () => seen.push("second"));
  dead.alive = false;
  paused.paused = true;
  scheduler.at(9, null, () => {
    seen.push("world");
    scheduler.resume(paused);
  });
  run(scheduler);
  expect(seen).toEqual(["world", "first", "second"]);
  expect(scheduler.now).toBe(9);
});

test("what was called off does not happen", () => {
  const scheduler = new Scheduler();
  const seen: string[] = [];
  const off = scheduler.after(1, null, () => seen.push("off"));
  scheduler.after(2, null, () => seen.push("on"));
  off();
  run(scheduler);
  expect(seen).toEqual(["on"]);
});
