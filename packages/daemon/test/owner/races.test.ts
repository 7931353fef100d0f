/** Races across awaits, and what a person or an agent meets in them. Each was found broken once. */
import { createHash } from "node:crypto";
import {
  type Decision,
  type Grant,
  parseWorkflow,
  policyDigest,
  type ProblemError,
  type Recorded,
  type Report,
} from "orchestrator-core";
import { expect, test } from "vitest";
import { manifestFlaw } from "../../src/form.ts";
import { Owner } from "../../src/owner/owner.ts";
import { type MemoryDisk, newMemoryDisk, openMemoryStore } from "../../src/store/memory-store.ts";
import type { Portion, Store } from "../../src/store/store.ts";
import { completion, failed, ManualClock, operator, settle, succeeded, World } from "./world.ts";

const exec = (...requires: string[]) => ({ requires, exec: [["true"]] });
const codeOf = (error: unknown): string => (error as ProblemError).problems?.[0].code ?? String(error);
const eventsOf = (disk: MemoryDisk, run_id: string): Recorded[] =>
  (disk.journal.get(run_id) ?? []).flatMap((row) => JSON.parse(row.events) as Recorded[]);

/** A world whose store methods can be wrapped. */
async function wrapped(over: (store: Store) => Partial<Store>, disk = newMemoryDisk()) {
  const clock = new ManualClock();
  const base = openMemoryStore(disk);
  const store = Object.assign(Object.create(base) as Store, over(base));
  let n = 0;
  const errors: string[] = [];
  const owner = await Owner.open(
    {
      store,
      clock,
      random: (count) => new Uint8Array(count).map((_, i) => (i === count - 1 ? ++n : n >> (8 * (count - 1 - i)))),
      sha256: (text) => createHash("sha256").update(text).digest("hex"),
      manifestFlaw,
      log: () => {},
      onBroken: (m) => errors.push(m),
    },
    { lease_ms: 30_000, backlog_max: 10_000, policy_digest: policyDigest },
  );
  return { owner, clock, disk, errors };
}
const sub = (stages: Record<string, unknown>, workspace = "/ws", more: object = {}) => {
  const parsed = parseWorkflow({ name: "w", stages, ...more });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return { workflow: parsed.value, workspace, by: operator, asks: [], idempotency_key: null };
};
let requests = 0;
const claim = (owner: Owner, agent_id: string, request_id: string, wait_ms = 0, jobs_max = 1) =>
  owner.claim({ agent_id, request_id, jobs_max, wait_ms, labels: [] });
const done = (owner: Owner, agent_id: string, grant: Grant, report: Report = succeeded(agent_id, grant)) =>
  owner.complete({ agent_id, request_id: `c${++requests}`, completions: [completion(grant, report)] });

test("two retries while the last records are on their way: one reopens, one is refused", async () => {
  let release = (): void => {};
  let hold: Promise<void> | undefined;
  let slow = 0;
  const w = await wrapped((store) => ({
    project: async (p: Portion) => {
      await hold;
      await store.project(p);
    },
    projected: async (id: string) => {
      const k = slow++;
      for (let i = 0; i < k * 10; i++) await new Promise(setImmediate);
      return store.projected(id);
    },
  }));
  const { run_id } = await w.owner.submit(sub({ a: exec() }));
  const [a] = await claim(w.owner, "a1", "r1");
  hold = new Promise((resolve) => {
    release = resolve;
  });
  await done(w.owner, "a1", a!, failed("a1", a!));
  await w.clock.advance(300);
  const first = w.owner.retry(run_id, operator).then(() => "ok", codeOf);
  await settle();
  const second = w.owner.retry(run_id, operator).then(() => "ok", codeOf);
  await settle();
  // an agent that waits for work
  const parked = claim(w.owner, "a1", "r2", 30_000);
  release();
  const [g1] = await parked;
  await Promise.all([first, second]);
  await settle();
  const [g2] = await claim(w.owner, "a2", "r3");
  const outcomes = [];
  if (g1) outcomes.push((await done(w.owner, "a1", g1)).outcomes[0]!.outcome);
  if (g2) outcomes.push((await done(w.owner, "a2", g2)).outcomes[0]!.outcome);
  const types = eventsOf(w.disk, run_id).map((e) => `${e.seq}:${e.type}`);
  expect(types.filter((t) => t.endsWith("run_retried"))).toHaveLength(1);
  expect(outcomes).toEqual(["accepted"]);
});

test("two retries in the same turn of a run that is complete", async () => {
  const w = await wrapped(() => ({}));
  const { run_id } = await w.owner.submit(sub({ a: exec() }));
  const [a] = await claim(w.owner, "a1", "r1");
  await done(w.owner, "a1", a!, failed("a1", a!));
  await w.clock.advance(5_000);
  await Promise.all([1, 2].map(() => w.owner.retry(run_id, operator).then(() => "ok", codeOf)));
  expect(eventsOf(w.disk, run_id).filter((e) => e.type === "run_retried")).toHaveLength(1);
});

for (const how of ["while it waits for the person", "while it runs"] as const)
  test(`a once stage whose lease was lost asks a person, also when the run was cancelled ${how} and is retried`, async () => {
    const world = await World.open();
    const run_id = await world.submit({ pay: { ...exec(), effects: "once" } });
    await world.claim("a1");
    if (how === "while it runs") await world.owner.cancel(run_id, { role: "proposer", name: "ai" }, "");
    await world.clock.advance(30_001);
    if (how !== "while it runs") {
      expect(await world.statuses(run_id)).toEqual({ pay: "needs_human" });
      await world.owner.cancel(run_id, { role: "proposer", name: "ai" }, "");
    }
    await world.owner.retry(run_id, { role: "proposer", name: "ai" });
    expect(await world.claim("a2")).toEqual([]);
    expect(await world.statuses(run_id)).toEqual({ pay: "needs_human" });
  });

test("repeated reports of 100 finished runs in one request are all `repeated`", async () => {
  const world = await World.open();
  const grants = [];
  for (let i = 0; i < 100; i++) {
    await world.submit({ a: exec() });
    grants.push((await world.claim("a1"))[0]!);
  }
  const body = { agent_id: "a1", request_id: "c", completions: grants.map((g) => completion(g, succeeded("a1", g))) };
  const first = await world.owner.complete(body);
  expect(first.outcomes.every((o) => o.outcome === "accepted")).toBe(true);
  await world.clock.advance(5_000);
  await world.crash();
  const again = await world.owner.complete(body);
  const by: Record<string, number> = {};
  for (const o of again.outcomes) by[`${o.outcome} ${o.code ?? ""}`] = (by[`${o.outcome} ${o.code ?? ""}`] ?? 0) + 1;
  expect(by).toEqual({ "repeated ": 100 });
});

test("the same report that comes again while the first is being stored gets the same answer, jobs included (seed 5001976)", async () => {
  const world = await World.open();
  await world.submit({ a: exec() });
  const [a] = await world.claim("a1");
  let release = (): void => {};
  world.faults.hold = new Promise((resolve) => {
    release = resolve;
  });
  const claims = { jobs_max: 1, labels: [] };
  const body = {
    agent_id: "a1",
    request_id: "c",
    completions: [completion(a!, succeeded("a1", a!))],
    claim: claims,
  };
  const first = world.owner.complete(body);
  await settle();
  // a job comes, which only the second could be given
  const submitted = world.submit({ b: exec() });
  await settle();
  const again = world.owner.complete(structuredClone(body));
  const other = world.owner.complete({ ...body, completions: [] });
  release();
  await submitted;
  expect(await again).toEqual(await first);
  expect((await other).outcomes).toEqual([]);
});

test("the same claim that comes again while the first is being answered gets the same jobs (seed 20041296)", async () => {
  const world = await World.open();
  let release = (): void => {};
  world.faults.hold = new Promise((resolve) => {
    release = resolve;
  });
  const submitted = world.submit({ ok: { kind: "gate", message: "?" } });
  await settle();
  const body = { agent_id: "a1", request_id: "r", jobs_max: 1, wait_ms: 0, labels: [] };
  // the first finds nothing, and waits until what it saw is stored
  const first = world.owner.claim(body);
  const later = world.submit({ a: exec() });
  await settle();
  const again = world.owner.claim(structuredClone(body));
  release();
  await Promise.all([submitted, later]);
  expect(await again).toEqual(await first);
});

test("a report that comes again after its answer, late, is granted no job that nobody waits for (seed 71001956)", async () => {
  const world = await World.open();
  await world.submit({ a: exec() });
  const [a] = await world.claim("a1");
  await world.submit({ b: exec(), c: exec(), d: exec() });
  const report = {
    agent_id: "a1",
    request_id: "c",
    completions: [completion(a!, succeeded("a1", a!))],
    claim: { jobs_max: 1, labels: [] },
  };
  const first = await world.owner.complete(report);
  expect(first.jobs).toHaveLength(1);
  // its answer was lost: the same jobs
  expect((await world.owner.complete(report)).jobs).toEqual(first.jobs);
  await done(world.owner, "a1", first.jobs[0]!);
  expect((await world.owner.complete(report)).jobs).toEqual([]);
  // the same of a claim
  const [c] = await world.claim("a1", 1, "r");
  await done(world.owner, "a1", c!);
  expect(await world.claim("a1", 1, "r")).toEqual([]);
  expect(await world.claim("a1", 1, "s")).toHaveLength(1);
});

test("a parked claim that comes twice is granted to both", async () => {
  const world = await World.open();
  const body = { agent_id: "a1", request_id: "r", jobs_max: 1, wait_ms: 10_000, labels: [] };
  const first = world.owner.claim(body);
  const again = world.owner.claim(structuredClone(body));
  await world.submit({ a: exec() });
  expect((await first).map(({ stage_id }) => stage_id)).toEqual(["a"]);
  expect(await again).toEqual(await first);
});

test("a follower that leaves late takes no other follower's events", async () => {
  let hold: Promise<void> | undefined;
  let release = (): void => {};
  const w = await wrapped((store) => ({
    journal: async (id: string, n: number) => {
      const h = hold;
      hold = undefined;
      await h;
      return store.journal(id, n);
    },
  }));
  const { run_id } = await w.owner.submit(sub({ a: exec() }));
  hold = new Promise((resolve) => {
    release = resolve;
  });
  const gone = new AbortController();
  const f1 = (async () => {
    for await (const _ of w.owner.events(run_id, 0, gone.signal));
  })();
  await settle();
  gone.abort(); // the page is reloaded
  const seen: string[] = [];
  const f2 = (async () => {
    for await (const portion of w.owner.events(run_id, 0, new AbortController().signal))
      seen.push(...portion.map(({ type }) => type));
    return "ended";
  })();
  await settle();
  release();
  await f1;
  const [a] = await claim(w.owner, "a1", "r");
  await done(w.owner, "a1", a!);
  await settle();
  expect(await Promise.race([f2, new Promise((r) => setTimeout(r, 200, "hangs"))])).toBe("ended");
});

test("a run in one workspace is not starved by another that is never empty", async () => {
  const w = await wrapped(() => ({}));
  await w.owner.submit(sub({ s0: exec(), s1: exec() }, "/busy"));
  const { run_id } = await w.owner.submit(sub({ only: exec() }, "/patient"));
  let served = -1;
  for (let i = 0; i < 50 && served < 0; i++) {
    const [g] = await claim(w.owner, "a1", `r${i}`);
    if (g!.run_id === run_id) served = i;
    await done(w.owner, "a1", g!);
    await w.owner.submit(sub({ x: exec() }, "/busy"));
  }
  expect(served).toBeGreaterThanOrEqual(0);
});

test("a cancel whose telling was lost is told again within TOLD_AGAIN_MS", async () => {
  const world = await World.open();
  const run_id = await world.submit({ a: exec() });
  const [a] = await world.claim("a1");
  const execs = [{ run_id, stage_id: "a", exec_id: a!.exec_id, fence: 1 }];
  await world.owner.cancel(run_id, operator, "");
  await world.owner.heartbeat({ agent_id: "a1", execs, wait_ms: 10_000 }); // this answer is lost
  await world.clock.advance(300);
  let told = false;
  void world.owner.heartbeat({ agent_id: "a1", execs, wait_ms: 10_000 }).then(() => {
    told = true;
  });
  await world.clock.advance(2_500);
  expect(told).toBe(true);
});

test("a journal row that parses but has another form quarantines its run only", async () => {
  for (const bad of ['[{"type":"run_created"', "asks", "null"]) {
    const world = await World.open();
    const id = await world.submit({ a: exec() });
    const good = await world.submit({ a: exec() });
    const rows = world.disk.journal.get(id)!;
    world.disk.journal.set(
      id,
      rows.map((row) => ({
        ...row,
        events:
          bad === "asks"
            ? row.events.replace('"asks":[]', '"askz":[]')
            : bad === "null"
              ? row.events.replace(/,\{.*$/, ",null]")
              : row.events.slice(0, -4),
      })),
    );
    const err = await world.crash().then(
      () => null,
      (e: unknown) => String(e),
    );
    expect.soft(err).toBeNull();
    if (err === null) expect.soft((await world.owner.show(good)).run.status).toBe("running");
  }
});

test("a report of a quarantined run is not answered as if nobody had granted it, and its work goes on", async () => {
  const world = await World.open();
  const run_id = await world.submit({ a: exec() });
  const [a] = await world.claim("a1");
  world.damage(run_id);
  await world.crash();
  expect(await world.complete("a1", a!)).toMatchObject({ outcome: "refused", code: "run-quarantined" });
  const execs = [{ run_id, stage_id: "a", exec_id: a!.exec_id, fence: 1 }];
  expect(await world.owner.heartbeat({ agent_id: "a1", execs, wait_ms: 0 })).toEqual({ cancel: [], lost: [] });
});

test("a decision about one lost exec is not taken for the next", async () => {
  const world = await World.open();
  const run_id = await world.submit({ pay: { ...exec(), effects: "once" } });
  await world.claim("a1");
  await world.clock.advance(30_001);
  const { question } = (await world.owner.show(run_id)).stages[0]!;
  const say = (decision: Decision) =>
    world.owner.decide(run_id, "pay", {
      subject: "lost_lease",
      decision,
      digest: question!.digest,
      note: "",
      by: operator,
    });
  await say("retry");
  await world.claim("a2");
  await world.clock.advance(30_001);
  // a second operator answers the page that he loaded when the first exec was lost: "the payment went out"
  const second = await say("mark_succeeded").then((v) => v.status, codeOf);
  expect(second).toBe("approval-stale");
});

test("retry that waits for the last records is answered when the daemon closes", async () => {
  const w = await wrapped(() => ({
    project: async () => {
      await new Promise(() => {});
    },
  }));
  const { run_id } = await w.owner.submit(sub({ a: exec() }));
  const [a] = await claim(w.owner, "a1", "r1");
  await done(w.owner, "a1", a!, failed("a1", a!));
  await w.clock.advance(300);
  const r = w.owner.retry(run_id, operator).then(() => "ok", codeOf);
  await settle();
  void w.owner.close();
  expect(await Promise.race([r, new Promise((x) => setTimeout(x, 200, "hangs"))])).not.toBe("hangs");
});

test("jobs of a workspace with a newline in its name are not another lane's", async () => {
  const w = await wrapped(() => ({}));
  await w.owner.submit(sub({ a: { ...exec(), labels: ["x"] } }, "/a"));
  const { run_id } = await w.owner.submit(sub({ b: exec() }, "/a\nx"));
  const g = await w.owner.claim({
    agent_id: "a1",
    request_id: "r",
    jobs_max: 5,
    wait_ms: 0,
    labels: ["x"],
    workspace_roots: ["/a"],
  });
  expect(g.some((x) => x.run_id === run_id)).toBe(false);
});
