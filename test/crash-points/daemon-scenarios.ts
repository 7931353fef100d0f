import { expect } from "vitest";
import type { Grant } from "orchestrator-core";
import { failed, succeeded } from "../../packages/daemon/test/owner/world.ts";
import { type Disk, memoryDisk, surrealDisk } from "./disk.ts";
import type { CrashWorld } from "./world.ts";

/** A story with a known end, told by clients and agents that repeat what got no answer. */
export interface Scenario {
  readonly name: string;
  readonly disk: () => Disk | Promise<Disk>;
  /** Also die twice: where a play is cheap. */
  readonly again: boolean;
  readonly play: (world: CrashWorld) => Promise<void>;
}

const stage = (...requires: string[]): { requires: string[]; exec: string[][] } => ({ requires, exec: [["true"]] });
const gate = (...requires: string[]): object => ({ kind: "gate", requires, message: "go on?" });
const lost = { kind: "lost" } as const;
const cancelledBy = (agent_id: string, grant: Grant) =>
  succeeded(agent_id, grant, { result: "cancelled", reason: "cancelled", message: "the run is being cancelled" });
const all = (run: Record<string, string>): Set<string> => new Set(Object.values(run));

const onMemory = (name: string, play: Scenario["play"]): Scenario => ({ name, disk: memoryDisk, again: true, play });
const onSurreal = (name: string, play: Scenario["play"]): Scenario => ({ name, disk: surrealDisk, again: false, play });

/** Expires what is held, by waiting. */
const expire = (world: CrashWorld, run_id: string, stage_id: string): Promise<void> =>
  world.until(
    `the lease of ${stage_id} expires`,
    async () => (await world.statuses(run_id))[stage_id] !== "running",
    7_000,
  );

export const daemonScenarios: readonly Scenario[] = [
  onMemory("submit", async (w) => {
    const run = await w.submit({ a: stage(), b: stage("a") }, "k");
    expect(await w.statuses(run)).toEqual({ a: "queued", b: "pending" });
    expect(await w.finish(run)).toBe("succeeded");
  }),

  onMemory("claim", async (w) => {
    const run = await w.submit({ a: stage(), b: stage(), c: stage() }, "k");
    const grants = await w.claim("one", 2);
    expect(grants.map(({ fence }) => fence)).toEqual([1, 1]);
    await w.advance(400);
    await w.succeed("one", grants);
    expect(await w.finish(run)).toBe("succeeded");
  }),

  onMemory("complete", async (w) => {
    const run = await w.submit({ a: stage(), b: stage() }, "k");
    const [a, b] = await w.claim("one", 2);
    await w.succeed("one", [a!]);
    expect((await w.statuses(run)).a).toBe("succeeded");
    await w.advance(1_200);
    const { outcomes } = await w.report("one", [
      [a!, succeeded("one", a!)],
      [b!, succeeded("one", b!)],
    ]);
    expect(outcomes[0]!.outcome).toBe("repeated");
    const other = await w.report("one", [[a!, succeeded("one", a!, { duration_ms: 2 })]]);
    expect(other.outcomes[0]).toMatchObject({ outcome: "refused", code: "report-conflict" });
    expect(await w.finish(run)).toBe("succeeded");
  }),

  onMemory("chain", async (w) => {
    const run = await w.submit({ a: stage(), b: stage("a"), c: stage("b"), d: stage("c") }, "k");
    let [grant] = await w.claim("one");
    for (let i = 0; i < 4; i++) {
      await w.advance(150);
      const { grants } = await w.report("one", [[grant!, succeeded("one", grant!)]], 1);
      [grant] = grants;
    }
    expect(grant).toBeUndefined();
    expect(all(await w.statuses(run))).toEqual(new Set(["succeeded"]));
  }),

  onMemory("fan-in", async (w) => {
    const wide = ["a", "b", "c", "d", "e"];
    const run = await w.submit({ ...Object.fromEntries(wide.map((id) => [id, stage()])), last: stage(...wide) }, "k");
    const grants = await w.claim("one", 3);
    await w.succeed("two", await w.claim("two", 2));
    await w.succeed("one", grants);
    const [last] = await w.claim("two");
    expect(last).toMatchObject({ stage_id: "last", requires: wide.map((stage_id) => ({ stage_id })) });
    await w.succeed("two", [last!]);
    expect(await w.finish(run)).toBe("succeeded");
  }),

  onMemory("retry with backoff", async (w) => {
    const flaky = { ...stage(), retry: { attempts_max: 3, backoff: "2s" } };
    const run = await w.submit({ a: flaky, b: stage("a") }, "k");
    for (let attempt = 1; attempt <= 2; attempt++) {
      let grants: readonly Grant[] = [];
      await w.until("the backoff is over", async () => (grants = await w.claim("one")).length > 0);
      expect(grants[0]).toMatchObject({ attempt, fence: attempt });
      await w.report("one", [[grants[0]!, failed("one", grants[0]!)]]);
    }
    expect(await w.finish(run)).toBe("succeeded");
  }),

  onMemory("lease expiry", async (w) => {
    const run = await w.submit({ a: stage(), b: stage("a") }, "k");
    const [first] = await w.claim("one");
    await expire(w, run, "a");
    const [second] = await w.claim("two");
    expect(second!.fence).toBe(2);
    const late = await w.report("one", [[first!, succeeded("one", first!)]]);
    expect(late.outcomes[0]).toMatchObject({ outcome: "refused", code: "fence-stale" });
    expect((await w.heartbeat("one", [first!])).lost).toEqual([first!.exec_id]);
    await w.succeed("two", [second!]);
    expect(await w.finish(run)).toBe("succeeded");
  }),

  onMemory("once and a lost lease", async (w) => {
    const once = { ...stage(), effects: "once" };
    const run = await w.submit({ a: once, b: once, c: once, d: stage("a", "b") }, "k");
    const grants = await w.claim("one", 3);
    await w.report("one", [[grants[0]!, lost]]);
    await expire(w, run, "b");
    await expire(w, run, "c");
    expect(await w.statuses(run)).toEqual({ a: "needs_human", b: "needs_human", c: "needs_human", d: "pending" });
    expect(await w.claim("two", 3)).toEqual([]);
    await w.decide(run, "a", "retry");
    await w.decide(run, "b", "mark_succeeded");
    await w.decide(run, "c", "mark_failed");
    expect(await w.finish(run)).toBe("failed");
    expect(await w.statuses(run)).toEqual({ a: "succeeded", b: "succeeded", c: "failed", d: "succeeded" });
  }),

  onMemory("a gate that is approved", async (w) => {
    const run = await w.submit({ a: stage(), g: gate("a"), b: stage("g") }, "k");
    await w.succeed("one", await w.claim("one"));
    await w.advance(1_500);
    expect((await w.show(run)).run.status).toBe("needs_human");
    await w.decide(run, "g", "approve");
    expect(await w.finish(run)).toBe("succeeded");
  }),

  onMemory("an ask that is approved", async (w) => {
    const run = await w.submit({ a: stage(), b: stage("a"), c: stage() }, "k", ["b", "c"]);
    await w.decide(run, "b", "approve");
    await w.succeed("one", await w.claim("one"));
    await w.decide(run, "c", "approve");
    expect(await w.finish(run)).toBe("succeeded");
  }),

  onMemory("a gate and an ask that are rejected", async (w) => {
    const run = await w.submit({ g: gate(), a: stage("g"), b: stage(), c: stage("b") }, "k", ["b"]);
    await w.decide(run, "b", "reject");
    await w.advance(1_200);
    await w.decide(run, "g", "reject");
    expect(await w.finish(run)).toBe("failed");
    expect(await w.statuses(run)).toEqual({ g: "failed", a: "skipped", b: "failed", c: "skipped" });
  }),

  onMemory("cancel while queued and while running", async (w) => {
    const run = await w.submit({ a: stage(), b: stage(), c: stage("a") }, "k");
    const [a] = await w.claim("one");
    await w.cancel(run);
    expect(await w.statuses(run)).toEqual({ a: "running", b: "cancelled", c: "cancelled" });
    expect((await w.heartbeat("one", [a!])).cancel).toEqual([a!.exec_id]);
    expect(await w.claim("two", 5)).toEqual([]);
    await w.report("one", [[a!, cancelledBy("one", a!)]]);
    expect(await w.finish(run)).toBe("cancelled");
    const queued = await w.submit({ a: stage(), b: stage("a") }, "k2");
    await w.cancel(queued);
    expect(await w.finish(queued)).toBe("cancelled");
  }),

  onMemory("fail_fast", async (w) => {
    const run = await w.submit({ a: stage(), b: stage(), c: stage(), d: stage("b") }, "k", [], { fail_fast: true });
    const [a, b] = await w.claim("one", 2);
    await w.report("one", [[a!, failed("one", a!)]]);
    expect(await w.statuses(run)).toEqual({ a: "failed", b: "running", c: "cancelled", d: "cancelled" });
    await w.report("one", [[b!, cancelledBy("one", b!)]]);
    expect(await w.finish(run)).toBe("failed");
  }),

  onMemory("retry of a run", async (w) => {
    const run = await w.submit({ a: stage(), b: stage("a"), c: stage("b") }, "k");
    await w.succeed("one", await w.claim("one"));
    const [b] = await w.claim("one");
    await w.report("one", [[b!, failed("one", b!)]]);
    expect((await w.show(run)).run.status).toBe("failed");
    await w.drain();
    await w.retry(run);
    const [again] = await w.claim("one");
    expect(again).toMatchObject({ stage_id: "b", fence: 2 });
    await w.report("one", [[again!, failed("one", again!)]]);
    // at once, while its last records are on their way
    await w.retry(run);
    expect(await w.finish(run)).toBe("succeeded");
  }),

  onMemory("handed back", async (w) => {
    const run = await w.submit({ a: stage(), b: stage() }, "k");
    const grants = await w.claim("one", 2);
    await w.report("one", [[grants[1]!, { kind: "handed_back" }]]);
    await w.succeed("one", [grants[0]!]);
    const [again] = await w.claim("two");
    expect(again).toMatchObject({ fence: 2, attempt: 1 });
    await w.cancel(run);
    await w.report("two", [[again!, { kind: "handed_back" }]]);
    expect(await w.finish(run)).toBe("cancelled");
  }),

  onMemory("a submit that is repeated", async (w) => {
    const stages = { a: stage() };
    const [one, two] = await Promise.all([w.submit(stages, "k"), w.submit(stages, "k")]);
    expect(two).toBe(one);
    expect(await w.finish(one)).toBe("succeeded");
    expect(await w.submit(stages, "k")).toBe(one);
    await expect(w.submit({ b: stage() }, "k")).rejects.toThrow("key-reused");
    await w.drain();
    expect(await w.submit(stages, "k")).toBe(one);
    expect((await w.ask((owner) => owner.list(undefined, 10))).runs.map(({ run_id }) => run_id)).toEqual([one]);
  }),

  onSurreal("a big workflow, written in parts", async (w) => {
    const long = "x".repeat(120_000);
    const stages = Object.fromEntries(
      Array.from({ length: 16 }, (_, i) => [`s${i}`, { exec: [["true", `${i}${long}`]] }]),
    );
    const run = await w.submit(stages, "k");
    expect(await w.finish(run)).toBe("succeeded");
    expect(await w.submit(stages, "k")).toBe(run);
  }),

  onMemory("rebuild", async (w) => {
    const runs = [await w.submit({ a: stage(), b: stage("a") }, "k1"), await w.submit({ a: stage() }, "k2")];
    for (const run of runs) expect(await w.finish(run)).toBe("succeeded");
    await w.drain();
    const before = await w.records();
    await w.rebuild();
    expect(await w.records()).toEqual(before);
  }),

  onSurreal("rebuild of a wide run, in several transactions", async (w) => {
    const wide = Array.from({ length: 55 }, (_, i) => `s${i}`);
    const run = await w.submit({ ...Object.fromEntries(wide.map((id) => [id, stage()])), last: stage(...wide) }, "k");
    expect(await w.finish(run)).toBe("succeeded");
    await w.drain();
    const before = await w.records();
    await w.rebuild();
    expect(await w.records()).toEqual(before);
  }),
];
