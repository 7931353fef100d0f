import type { Recorded } from "orchestrator-core";
import { expect, test } from "vitest";
import { Followers } from "../../src/owner/followers.ts";
import { ManualClock } from "./world.ts";

const settled = (seq: number): Recorded => ({ type: "run_settled", status: "succeeded", seq, at: 0 });
const events = (count: number, first = 1): Recorded[] => Array.from({ length: count }, (_, i) => settled(first + i));

test("a watcher takes what came since the last time, and is told once where that was too much to keep", async () => {
  const followers = new Followers(new ManualClock());
  const follower = followers.follow("r");
  followers.publish(new Map([["r", events(3)]]));
  expect(await follower.take()).toEqual(events(3));
  for (let i = 0; i < 5; i++) followers.publish(new Map([["r", events(1_000, 1 + i * 1_000)]]));
  expect(await follower.take()).toBeNull();
  followers.publish(new Map([["r", events(1, 5_001)]]));
  expect(await follower.take()).toEqual(events(1, 5_001));
});

test("one that waits hears of an event that is too large to keep, and of its end", async () => {
  const followers = new Followers(new ManualClock());
  const follower = followers.follow("r");
  const waiting = follower.take();
  followers.publish(new Map([["r", events(10_000)]]));
  expect(await waiting).toBeNull();
  const last = follower.take();
  followers.close();
  expect(await last).toEqual([]);
});

test("what follows right after waits a moment, and is then told to all in one array; the end waits for nothing", async () => {
  const clock = new ManualClock();
  const followers = new Followers(clock);
  const [one, other] = [followers.follow("r"), followers.follow("r")];
  const queued = (seq: number): Recorded => ({ type: "stage_queued", stage_id: "a", attempt: 1, seq, at: 0 });
  const publish = (event: Recorded): void => followers.publish(new Map([["r", [event]]]));
  publish(queued(1));
  expect(await one.take()).toEqual([queued(1)]);
  publish(queued(2));
  publish(queued(3));
  const told: (readonly Recorded[] | null)[] = [];
  void one.take().then((portion) => told.push(portion));
  await clock.advance(99);
  expect(told).toEqual([]);
  await clock.advance(1);
  expect(told).toEqual([[queued(2), queued(3)]]);
  expect(await other.take()).toEqual([queued(1)]);
  expect(await other.take()).toBe(told[0]);
  publish(queued(4));
  publish(settled(5));
  expect(await one.take()).toEqual([queued(4), settled(5)]);
});
