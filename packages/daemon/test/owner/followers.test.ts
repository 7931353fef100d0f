import type { Recorded } from "orchestrator-core";
import { expect, test } from "vitest";
import { Followers } from "../../src/owner/followers.ts";

const settled = (seq: number): Recorded => ({ type: "run_settled", status: "succeeded", seq, at: 0 });
const events = (count: number, first = 1): Recorded[] => Array.from({ length: count }, (_, i) => settled(first + i));

test("a watcher takes what came since the last time, and is told once where that was too much to keep", async () => {
  const followers = new Followers();
  const follower = followers.follow("r");
  followers.publish(new Map([["r", events(3)]]));
  expect(await follower.take()).toEqual(events(3));
  for (let i = 0; i < 5; i++) followers.publish(new Map([["r", events(1_000, 1 + i * 1_000)]]));
  expect(await follower.take()).toBeNull();
  followers.publish(new Map([["r", events(1, 5_001)]]));
  expect(await follower.take()).toEqual(events(1, 5_001));
});

test("one that waits hears of an event that is too large to keep, and of its end", async () => {
  const followers = new Followers();
  const follower = followers.follow("r");
  const waiting = follower.take();
  followers.publish(new Map([["r", events(10_000)]]));
  expect(await waiting).toBeNull();
  const last = follower.take();
  followers.close();
  expect(await last).toEqual([]);
});
