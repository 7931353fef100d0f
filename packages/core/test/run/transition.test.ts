import {
  apply,
  emptyResult,
  type ExecReport,
  MemoryRun,
  questionDigest,
  type Recorded,
  shownStatus,
  stageView,
  why,
} from "orchestrator-core";
import { describe, expect, test } from "vitest";
import { cancelledReport, failure, operator, success, workflow, World } from "./world.ts";

const diamond = { a: {}, b: { requires: ["a"] }, c: { requires: ["a"] }, d: { requires: ["b", "c"] } };

describe("the order of stages", () => {
  test("a stage is queued when the last of its requirements has succeeded, and not before", () => {
    const world = new World(workflow(diamond));
    expect(world.statuses()).toEqual({ a: "queued", b: "pending", c: "pending", d: "pending" });
    world.succeed("a");
    world.succeed("b");
    expect(world.status("d")).toBe("pending");
    world.succeed("c");
    expect(world.status("d")).toBe("queued");
    world.succeed("d");
    expect(world.run.head.status).toBe("succeeded");
  });

  test("what requires a failed stage is skipped, all the way down, and names it; other branches go on", () => {
    const world = new World(workflow({ ...diamond, e: {} }));
    world.succeed("a");
    world.fail("b");
    expect(world.status("d")).toBe("pending");
    world.succeed("c");
    expect(world.status("d")).toBe("skipped");
    expect(world.run.stage(world.number("d")).state).toMatchObject({ requirement: "b" });
    expect(world.run.head.status).toBe("running");
    world.succeed("e");
    expect(world.run.head.status).toBe("failed");
  });

  test("fail_fast cancels what has not settled and tells agents to end what runs", () => {
    const world = new World(workflow({ a: {}, b: {}, c: {} }, true));
    const b = world.grant("b");
    world.fail("a");
    expect(world.statuses()).toEqual({ a: "failed", b: "running", c: "cancelled" });
    world.act({ type: "complete", ...b, report: cancelledReport("mb") });
    expect(world.status("b")).toBe("cancelled");
    expect(world.run.head.status).toBe("failed");
  });
});

describe("leases and fences", () => {
  test("each grant takes the next fence, and none is used twice", () => {
    const world = new World(workflow({ a: { attempts_max: 3 } }));
    expect(world.grant("a").fence).toBe(1);
    world.now = 30_000;
    world.act({ type: "expire", stage_id: "a", exec_id: "exec-1" });
    expect(world.grant("a").fence).toBe(2);
  });

  test("an agent that lost its lease cannot complete the job", () => {
    const world = new World(workflow({ a: {} }));
    const first = world.grant("a");
    world.now = 30_000;
    world.act({ type: "expire", stage_id: "a", exec_id: first.exec_id });
    const second = world.grant("a", "a2");
    expect(world.try({ type: "complete", ...first, report: success("m") })).toMatchObject({ code: "fence-stale" });
    expect(world.try({ type: "complete", ...second, fence: 1, report: success("m") })).toMatchObject({
      code: "fence-stale",
    });
    expect(world.try({ type: "complete", ...second, agent_id: "a1", report: success("m") })).toMatchObject({
      code: "not-holder",
    });
    expect(world.status("a")).toBe("running");
    world.act({ type: "complete", ...second, report: success("m") });
    expect(world.status("a")).toBe("succeeded");
  });

  test("a lease that was renewed does not expire", () => {
    const world = new World(workflow({ a: {} }));
    const { exec_id } = world.grant("a");
    world.now = 29_999;
    expect(world.try({ type: "expire", stage_id: "a", exec_id })).toMatchObject({ code: "fence-stale" });
  });

  test("a repeated report changes nothing, and another manifest for the same exec is a conflict", () => {
    const world = new World(workflow({ a: {} }));
    const held = world.grant("a");
    world.act({ type: "complete", ...held, report: success("m") });
    expect(world.act({ type: "complete", ...held, report: success("m") })).toEqual([]);
    expect(world.try({ type: "complete", ...held, report: success("n") })).toMatchObject({ code: "report-conflict" });
  });

  test("lost leases and failed reports have budgets of their own", () => {
    const world = new World(workflow({ a: { attempts_max: 2, leases_lost_max: 2 } }));
    const first = world.grant("a");
    world.now = 30_000;
    world.act({ type: "expire", stage_id: "a", exec_id: first.exec_id });
    world.fail("a");
    expect(world.status("a")).toBe("pending");
    world.now = 31_000;
    world.act({ type: "requeue", stage_id: "a" });
    const third = world.grant("a");
    world.now = 61_000;
    world.act({ type: "expire", stage_id: "a", exec_id: third.exec_id });
    expect(world.run.stage(0).state).toMatchObject({ status: "failed", reason: "lease_lost" });
  });

  test("a handed back job spends no budget and is queued again", () => {
    const world = new World(workflow({ a: { leases_lost_max: 1 } }));
    const held = world.grant("a");
    world.act({ type: "complete", ...held, report: { kind: "handed_back" } });
    expect(world.run.stage(0)).toMatchObject({ state: { status: "queued" }, failures: 0, leases_lost: 0 });
    expect(world.act({ type: "complete", ...held, report: { kind: "handed_back" } })).toEqual([]);
    expect(world.try({ type: "complete", ...held, report: success("m") })).toMatchObject({ code: "fence-stale" });
    world.succeed("a");
    expect(world.run.head.status).toBe("succeeded");
  });

  test("a `once` stage whose lease was lost waits for a person and never runs again by itself", () => {
    for (const [decision, status] of [
      ["mark_succeeded", "succeeded"],
      ["mark_failed", "failed"],
      ["retry", "queued"],
    ] as const) {
      const world = new World(workflow({ a: { effects: "once" } }));
      const { exec_id } = world.grant("a");
      world.now = 30_000;
      world.act({ type: "expire", stage_id: "a", exec_id });
      expect(world.run.stage(0).state).toMatchObject({ status: "needs_human", subject: "lost_lease" });
      expect(shownStatus(world.run.head)).toBe("needs_human");
      const digest = questionDigest(world.run, world.run.stage(0), "lost_lease");
      world.act({ type: "decide", stage_id: "a", subject: "lost_lease", decision, digest, note: "", by: operator });
      expect(world.status("a")).toBe(status);
    }
  });
});

describe("retries", () => {
  test("a failed report is tried again after its backoff, as a new job, until the budget is spent", () => {
    const world = new World(workflow({ a: { attempts_max: 2 } }));
    world.fail("a");
    expect(world.run.head.backing_off).toBe(1);
    expect(world.try({ type: "requeue", stage_id: "a" })).toMatchObject({ code: "not-queued" });
    world.now = 1_000;
    world.act({ type: "requeue", stage_id: "a" });
    world.fail("a");
    expect(world.status("a")).toBe("failed");
    expect(world.run.stage(0).jobs.map((job) => [job.attempt, job.status])).toEqual([
      [1, "failed"],
      [2, "failed"],
    ]);
  });

  test("a retried run runs again what did not succeed, and keeps what did", () => {
    const world = new World(workflow(diamond));
    world.succeed("a");
    world.fail("b");
    world.succeed("c");
    expect(world.run.head.status).toBe("failed");
    const before = world.run.head.seq;
    world.act({ type: "retry", by: operator });
    expect(world.run.head.seq).toBeGreaterThan(before);
    expect(world.statuses()).toEqual({ a: "succeeded", b: "queued", c: "succeeded", d: "pending" });
    world.succeed("b");
    world.succeed("d");
    expect(world.run.head.status).toBe("succeeded");
    expect(world.run.stage(world.number("b")).execs.map((exec) => exec.fence)).toEqual([1, 2]);
    expect(world.try({ type: "retry", by: operator })).toMatchObject({ code: "nothing-to-retry" });
  });
});

describe("people", () => {
  const gated = { a: {}, g: { gate: true, requires: ["a"] }, b: { requires: ["g"] } };

  test("a gate waits for a person, and its approval names the plan", () => {
    const world = new World(workflow(gated));
    world.succeed("a");
    expect(shownStatus(world.run.head)).toBe("needs_human");
    const answer = { type: "decide", stage_id: "g", subject: "gate", note: "", by: operator } as const;
    expect(world.try({ ...answer, decision: "approve", digest: "f".repeat(64) })).toMatchObject({
      code: "approval-stale",
    });
    const digest = world.run.plan.plan_digest;
    world.act({ ...answer, decision: "approve", digest });
    expect(world.act({ ...answer, decision: "approve", digest })).toEqual([]);
    expect(world.status("b")).toBe("queued");
  });

  test("a rejected gate fails, and what requires it is skipped", () => {
    const world = new World(workflow(gated));
    world.succeed("a");
    const digest = world.run.plan.plan_digest;
    world.act({
      type: "decide",
      stage_id: "g",
      subject: "gate",
      decision: "reject",
      digest,
      note: "not today",
      by: operator,
    });
    expect(world.run.stage(world.number("g")).state).toMatchObject({ reason: "rejected" });
    expect(world.status("b")).toBe("skipped");
    expect(world.run.head.status).toBe("failed");
  });

  test("what policy asks about is open from the submit and blocks only its own stage", () => {
    const world = new World(workflow({ a: {}, b: { requires: ["a"] } }), ["b"]);
    expect(world.statuses()).toEqual({ a: "queued", b: "needs_human" });
    const digest = world.run.plan.stages[1]!.exec_digest!;
    const answer = {
      type: "decide",
      stage_id: "b",
      subject: "exec",
      decision: "approve",
      digest,
      note: "",
      by: operator,
    } as const;
    world.succeed("a");
    expect(world.status("b")).toBe("needs_human");
    world.act(answer);
    expect(world.status("b")).toBe("queued");

    const early = new World(workflow({ a: {}, b: { requires: ["a"] } }), ["b"]);
    early.act(answer);
    expect(early.status("b")).toBe("pending");
    early.succeed("a");
    expect(early.status("b")).toBe("queued");
  });
});

test("commands that a person released stay released when a lost exec of them was decided on (seed 294)", () => {
  const world = new World(workflow({ a: { effects: "once" } }), ["a"]);
  const digest = world.run.plan.stages[0]!.exec_digest!;
  const said = { type: "decide", stage_id: "a", note: "", by: operator } as const;
  world.act({ ...said, subject: "exec", decision: "approve", digest });
  const { exec_id } = world.grant("a");
  world.now = 60_000;
  world.act({ type: "expire", stage_id: "a", exec_id });
  const lost = questionDigest(world.run, world.run.stage(0), "lost_lease");
  world.act({ ...said, subject: "lost_lease", decision: "retry", digest: lost });
  expect(world.status("a")).toBe("queued");
  expect(world.run.stage(0).released).toMatchObject({ subject: "exec", digest });
  expect(stageView(world.run, 0).decisions).toEqual([
    { subject: "exec", decision: "approve", digest, by: operator, note: "", at: "1970-01-01T00:00:01.000Z" },
    { subject: "lost_lease", decision: "retry", digest: lost, by: operator, note: "", at: "1970-01-01T00:00:01.000Z" },
  ]);
});

test("an exec that its agent ended since the lease was over is a lost lease with its bundle, and no failure (seed 4)", () => {
  const world = new World(
    workflow({ a: { attempts_max: 2, leases_lost_max: 2 }, b: { effects: "once", attempts_max: 2 } }),
  );
  const result = { ...emptyResult("over"), manifest_sha256: "e".repeat(64) };
  const over: ExecReport = { kind: "ended", outcome: "failed", reason: "lease_lost", result };
  const a = world.grant("a");
  const b = world.grant("b");
  world.act({ type: "complete", ...a, report: over });
  expect(world.act({ type: "complete", ...a, report: over })).toEqual([]);
  world.act({ type: "complete", ...b, report: over });
  expect(world.statuses()).toEqual({ a: "queued", b: "needs_human" });
  const stage = world.run.stage(world.number("a"));
  expect(stage).toMatchObject({ failures: 0, leases_lost: 1 });
  expect(stage.execs[0]?.end).toMatchObject({ outcome: "lost", reason: "lease_lost", result });
});

test("what an agent says of its lease after we took it back changes nothing, and is refused", () => {
  const world = new World(workflow({ a: {} }));
  const a = world.grant("a");
  world.now += 60_000;
  world.act({ type: "expire", stage_id: "a", exec_id: a.exec_id });
  const over: ExecReport = { kind: "ended", outcome: "failed", reason: "lease_lost", result: emptyResult("over") };
  expect(world.try({ type: "complete", ...a, report: over })).toMatchObject({ code: "fence-stale" });
});

describe("cancel", () => {
  test("an accepted cancel starts nothing more, and the run ends as cancelled when the last stage has", () => {
    const world = new World(workflow(diamond));
    const a = world.grant("a");
    world.act({ type: "cancel", by: operator, note: "" });
    expect(world.statuses()).toEqual({ a: "running", b: "cancelled", c: "cancelled", d: "cancelled" });
    expect(world.act({ type: "cancel", by: operator, note: "" })).toEqual([]);
    world.act({ type: "complete", ...a, report: success("m") });
    expect(world.status("a")).toBe("succeeded");
    expect(world.run.head.status).toBe("cancelled");
    expect(
      world.try({ type: "grant", stage_id: "b", exec_id: "x", agent_id: "a", request_id: "r", lease_ms: 1 }),
    ).toMatchObject({
      code: "not-queued",
    });
  });

  test("a failure under cancel is not tried again", () => {
    const world = new World(workflow({ a: { attempts_max: 5 } }));
    const a = world.grant("a");
    world.act({ type: "cancel", by: operator, note: "" });
    world.act({ type: "complete", ...a, report: failure("m") });
    expect(world.status("a")).toBe("failed");
    expect(world.run.head.status).toBe("cancelled");
  });
});

describe("replay", () => {
  test("a run is what its events make of it: replayed, they give the same run", () => {
    const world = new World(workflow({ ...diamond, g: { gate: true, requires: ["a"] } }), ["c"]);
    world.succeed("a");
    world.fail("b");
    world.act({ type: "cancel", by: operator, note: "enough" });
    world.act({ type: "retry", by: operator });
    const again = new MemoryRun(world.run.run_id, world.run.plan);
    for (const event of JSON.parse(JSON.stringify(world.events)) as Recorded[]) apply(again, event, 0);
    expect(again.head).toEqual(world.run.head);
    for (const { number } of again.plan.stages) expect(again.stage(number)).toEqual(world.run.stage(number));
  });

  test("every stage that does not run says why", () => {
    const world = new World(workflow({ ...diamond, g: { gate: true } }), ["c"]);
    for (const { number } of world.run.plan.stages) {
      expect(why(world.run, number, { now: 0, agents: [] }).summary).not.toBe("");
    }
    expect(why(world.run, world.number("d"), { now: 0, agents: [] }).summary).toContain("b (pending), c (needs_human)");
  });
});
