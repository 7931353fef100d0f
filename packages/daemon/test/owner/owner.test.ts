import { type Recorded, ProblemError } from "orchestrator-core";
import { describe, expect, test } from "vitest";
import { completion, failed, operator, settle, succeeded, World } from "./world.ts";

const exec = (...requires: string[]) => ({ requires, exec: [["true"]] });
const chain = { a: exec(), b: exec("a"), c: exec("b") };
const codeOf = (error: unknown): string => (error as ProblemError).problems[0].code;

/** Runs the run to its end with one agent; returns how many jobs it took. */
async function work(world: World, agent_id = "a1"): Promise<number> {
  for (let done = 0; ; done++) {
    const [grant] = await world.claim(agent_id);
    if (grant === undefined) return done;
    await world.complete(agent_id, grant);
  }
}

describe("a run", () => {
  test("goes from submit to its end through claims and reports, and hands on outputs", async () => {
    const world = await World.open();
    const run_id = await world.submit(chain);
    const [a] = await world.claim("a1");
    expect(a).toMatchObject({ run_id, stage_id: "a", fence: 1, attempt: 1, workspace: "/ws" });
    expect(await world.complete("a1", a!)).toMatchObject({ outcome: "accepted" });
    const [b] = await world.claim("a1");
    expect(b!.requires).toMatchObject([{ stage_id: "a", exec_id: a!.exec_id, outputs: { from: "a" } }]);
    await world.complete("a1", b!);
    expect(await work(world)).toBe(1);
    expect((await world.owner.show(run_id)).run).toMatchObject({ status: "succeeded", counts: { succeeded: 3 } });
  });

  test("a chain costs one request a stage: finish and claim next share a commit", async () => {
    const world = await World.open();
    await world.submit(chain);
    let [grant] = await world.claim("a1");
    const before = world.commits.length;
    for (let i = 0; i < 3; i++) {
      const reply = await world.owner.complete({
        agent_id: "a1",
        request_id: `x${i}`,
        completions: [completion(grant!, succeeded("a1", grant!))],
        claim: { jobs_max: 1, labels: [] },
      });
      [grant] = reply.jobs;
    }
    expect(grant).toBeUndefined();
    expect(world.commits.length - before).toBe(3);
  });

  test("a parked claim is answered when a job is queued", async () => {
    const world = await World.open();
    const parked = world.claim("a1", 4, "r", 30_000);
    await settle();
    await world.submit({ a: exec(), b: exec() });
    expect((await parked).map((grant) => grant.stage_id)).toEqual(["a", "b"]);
  });

  test("a parked claim whose caller went away is given nothing", async () => {
    const world = await World.open();
    const gone = new AbortController();
    const parked = world.owner.claim(
      { agent_id: "a1", request_id: "r", jobs_max: 1, wait_ms: 30_000, labels: [] },
      gone.signal,
    );
    gone.abort();
    expect(await parked).toEqual([]);
    await world.submit({ a: exec() });
    expect(await world.claim("a2")).toHaveLength(1);
  });

  test("a job goes only to an agent that has its labels", async () => {
    const world = await World.open();
    const run_id = await world.submit({ a: { ...exec(), labels: ["gpu"] } });
    expect(await world.claim("a1")).toEqual([]);
    expect((await world.owner.why(run_id, "a")).summary).toContain("gpu");
    const body = { agent_id: "a2", request_id: "r", jobs_max: 1, wait_ms: 0, labels: ["gpu", "big"] };
    expect(await world.owner.claim(body)).toHaveLength(1);
  });
});

test("a job goes only to an agent that may enter its workspace", async () => {
  const world = await World.open();
  const run_id = await world.submit({ a: exec() });
  const claim = { agent_id: "a1", request_id: "r", jobs_max: 1, wait_ms: 0, labels: [] };
  expect(await world.owner.claim({ ...claim, workspace_roots: ["/wsx", "/other"] })).toEqual([]);
  expect((await world.owner.why(run_id, "a")).summary).toContain("may enter the workspace /ws");
  expect(await world.owner.claim({ ...claim, request_id: "s", workspace_roots: ["/other", "/"] })).toHaveLength(1);
});

describe("what is acknowledged", () => {
  test("no caller is answered, and nothing is shown, before the events are stored", async () => {
    const world = await World.open();
    const run_id = await world.submit({ a: exec() });
    let release = (): void => {};
    world.faults.hold = new Promise((resolve) => {
      release = resolve;
    });
    const answered: string[] = [];
    const claim = world.claim("a1").then(() => answered.push("claim"));
    const show = world.owner.show(run_id).then(() => answered.push("show"));
    const why = world.owner.why(run_id, "a").then(() => answered.push("why"));
    await settle();
    expect(answered).toEqual([]);
    release();
    await Promise.all([claim, show, why]);
    expect(answered).toHaveLength(3);
  });

  test("an event is published when it is stored, and not before", async () => {
    const world = await World.open();
    const run_id = await world.submit({ a: exec() });
    const seen: Recorded[] = [];
    const gone = new AbortController();
    const following = (async () => {
      for await (const portion of world.owner.events(run_id, 0, gone.signal)) seen.push(...portion);
    })();
    await settle();
    expect(seen.map((event) => event.type)).toEqual(["run_created", "stage_queued"]);
    let release = (): void => {};
    world.faults.hold = new Promise((resolve) => {
      release = resolve;
    });
    const claim = world.claim("a1");
    await settle();
    expect(seen).toHaveLength(2);
    release();
    const [grant] = await claim;
    await world.complete("a1", grant!);
    await following;
    expect(seen.map((event) => event.seq)).toEqual([1, 2, 3, 4, 5]);
    expect(seen.at(-1)).toMatchObject({ type: "run_settled", status: "succeeded" });
    const resumed: number[] = [];
    for await (const portion of world.owner.events(run_id, 3, gone.signal))
      resumed.push(...portion.map(({ seq }) => seq));
    expect(resumed).toEqual([4, 5]);
  });

  test("a watcher that does not keep up is held no events for, and misses none", async () => {
    const world = await World.open();
    const wide = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`s${i}`, { exec: [["true"]] }]));
    const run_id = await world.submit(wide);
    const events = world.owner.events(run_id, 0, new AbortController().signal);
    const seen = [...((await events.next()).value as readonly Recorded[])];
    await work(world);
    for await (const portion of events) seen.push(...portion);
    expect(seen.map((event) => event.seq)).toEqual(seen.map((_, i) => i + 1));
    // queued, granted, succeeded; and the run's own two
    expect(seen).toHaveLength(3 * 3_000 + 2);
    expect(seen.at(-1)).toMatchObject({ type: "run_settled" });
  });

  test("everything acknowledged is there after a crash, and the run goes on", async () => {
    const world = await World.open();
    const run_id = await world.submit(chain);
    const [a] = await world.claim("a1");
    await world.complete("a1", a!);
    const [b] = await world.claim("a1");
    await world.crash();
    expect(await world.statuses(run_id)).toEqual({ a: "succeeded", b: "running", c: "pending" });
    expect(await world.complete("a1", b!)).toMatchObject({ outcome: "accepted" });
    await work(world);
    expect((await world.owner.show(run_id)).run.status).toBe("succeeded");
  });

  test("a commit with an unknown outcome fails its callers, stops the daemon, and the store tells the truth", async () => {
    for (const fail of ["unknown", "unknown_but_stored"] as const) {
      const world = await World.open();
      const run_id = await world.submit(chain);
      const [a] = await world.claim("a1");
      world.faults.fail = fail;
      await expect(world.complete("a1", a!)).rejects.toThrow("injected");
      expect(world.broken).toContain("injected");
      expect(world.owner.accepting).not.toBeNull();
      expect(codeOf(await world.claim("a1").catch((error: unknown) => error))).toBe("not-accepting");
      await world.crash();
      const outcome = await world.complete("a1", a!);
      expect(outcome.outcome).toBe(fail === "unknown" ? "accepted" : "repeated");
      expect(await world.statuses(run_id)).toMatchObject({ a: "succeeded" });
    }
  });

  test("a conflict is tried again as the same commit", async () => {
    const world = await World.open();
    world.faults.fail = "conflict";
    const run_id = await world.submit({ a: exec() });
    expect(world.commits.map((commit) => commit.number)).toEqual([1, 1]);
    expect(await world.statuses(run_id)).toEqual({ a: "queued" });
  });

  test("an owner whose epoch has passed stores nothing more", async () => {
    const world = await World.open();
    const run_id = await world.submit({ a: exec() });
    const old = world.owner;
    await world.takeOver();
    await expect(old.cancel(run_id, operator, "")).rejects.toThrow();
    expect(world.broken).toContain("fenced");
    expect(await world.statuses(run_id)).toEqual({ a: "queued" });
  });
});

describe("idempotency", () => {
  test("the same Idempotency-Key gives the same run, also after a restart, and another body is refused", async () => {
    const world = await World.open();
    const [first, again] = await Promise.all([world.submit(chain, "k"), world.submit(chain, "k")]);
    expect(again).toBe(first);
    await world.crash();
    expect(await world.submit(chain, "k")).toBe(first);
    expect(codeOf(await world.submit({ a: exec() }, "k").catch((error: unknown) => error))).toBe("key-reused");
  });

  test("the same claim gets the same, still valid grants, also after a restart", async () => {
    const world = await World.open();
    await world.submit({ a: exec(), b: exec(), c: exec() });
    const first = await world.claim("a1", 2, "r");
    const ids = first.map((grant) => grant.exec_id);
    expect((await world.claim("a1", 2, "r")).map((grant) => grant.exec_id)).toEqual(ids);
    await world.complete("a1", first[0]!);
    await world.crash();
    expect((await world.claim("a1", 2, "r")).map((grant) => grant.exec_id)).toEqual([ids[1]]);
    expect(await world.claim("a2", 9)).toHaveLength(1);
  });

  test("a repeated report is answered from the store, long after the run has ended", async () => {
    const world = await World.open();
    const run_id = await world.submit({ a: exec() });
    const [a] = await world.claim("a1");
    await world.complete("a1", a!);
    await world.clock.advance(5_000);
    await world.crash();
    expect(await world.complete("a1", a!)).toMatchObject({ outcome: "repeated" });
    const other = succeeded("a1", a!, { message: "another" });
    expect(await world.complete("a1", a!, other)).toMatchObject({ outcome: "refused", code: "report-conflict" });
    expect(await world.statuses(run_id)).toEqual({ a: "succeeded" });
  });
});

describe("who may speak for an exec", () => {
  test("a stale fence, a foreign agent and another digest are refused on every agent route", async () => {
    const world = await World.open();
    const run_id = await world.submit({ a: exec() });
    const [a] = await world.claim("a1");
    const refused: unknown[] = [];
    refused.push(await world.complete("a2", a!, succeeded("a2", a!)));
    refused.push(await world.complete("a1", { ...a!, fence: 2 }, succeeded("a1", a!)));
    refused.push(await world.complete("a1", { ...a!, exec_id: "01J00000000000000000000000" }));
    refused.push(await world.complete("a1", a!, succeeded("a1", a!, { exec_digest: "0".repeat(64) })));
    refused.push(await world.complete("a1", a!, succeeded("a1", a!, { plan_digest: "0".repeat(64) })));
    refused.push(await world.complete("a1", a!, succeeded("a1", a!, { commands: [] })));
    refused.push(await world.complete("a1", a!, { kind: "manifest", manifest: "{}" }));
    refused.push(await world.complete("a2", a!, { kind: "handed_back" }));
    refused.push(await world.complete("a2", a!, { kind: "lost" }));
    expect(refused.map((outcome) => (outcome as { code: string }).code)).toEqual([
      "not-holder",
      "fence-stale",
      "exec-unknown",
      "report-invalid",
      "report-invalid",
      "report-invalid",
      "report-invalid",
      "not-holder",
      "not-holder",
    ]);
    for (const [agent_id, fence] of [
      ["a2", 1],
      ["a1", 2],
    ] as const) {
      const execs = [{ run_id, stage_id: "a", exec_id: a!.exec_id, fence }];
      const { lost } = await world.owner.heartbeat({ agent_id, execs, wait_ms: 0 });
      expect(lost).toEqual([a!.exec_id]);
    }
    expect(await world.statuses(run_id)).toEqual({ a: "running" });
  });

  test("16 agents racing for 1,000 jobs: each job is granted to one at a time", async () => {
    const world = await World.open();
    const stages = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`s${i}`, exec()]));
    const run_id = await world.submit(stages);
    const holders = new Map<string, string>();
    let succeededJobs = 0;
    await Promise.all(
      Array.from({ length: 16 }, async (_, i) => {
        const agent_id = `agent-${i}`;
        for (;;) {
          const grants = await world.claim(agent_id, 1 + (i % 3));
          if (grants.length === 0) return;
          for (const grant of grants) {
            expect(holders.get(grant.stage_id)).toBeUndefined();
            holders.set(grant.stage_id, agent_id);
          }
          for (const grant of grants) {
            // from the call on it may be somebody else's
            holders.delete(grant.stage_id);
            if ((i + succeededJobs) % 7 === 0) await world.complete(agent_id, grant, { kind: "handed_back" });
            else if ((await world.complete(agent_id, grant)).outcome === "accepted") succeededJobs++;
          }
        }
      }),
    );
    await work(world);
    expect((await world.owner.show(run_id)).run.counts).toEqual({ succeeded: 1_000 });
  });
});

describe("leases", () => {
  test("a lease that is not renewed expires, and the job is granted anew under the next fence", async () => {
    const world = await World.open();
    const run_id = await world.submit({ a: exec() });
    const [first] = await world.claim("a1");
    await world.clock.advance(30_001);
    const [second] = await world.claim("a2");
    expect(second).toMatchObject({ stage_id: "a", fence: 2 });
    expect(await world.complete("a1", first!)).toMatchObject({ outcome: "refused", code: "fence-stale" });
    expect(await world.complete("a2", second!)).toMatchObject({ outcome: "accepted" });
    expect(await world.statuses(run_id)).toEqual({ a: "succeeded" });
  });

  test("a renewed lease holds, and its holder hears at once when it is lost", async () => {
    const world = await World.open();
    await world.submit({ a: exec() });
    const [grant] = await world.claim("a1");
    const execs = [{ run_id: grant!.run_id, stage_id: "a", exec_id: grant!.exec_id, fence: 1 }];
    await world.clock.advance(20_000);
    expect(await world.owner.heartbeat({ agent_id: "a1", execs, wait_ms: 0 })).toEqual({ cancel: [], lost: [] });
    await world.clock.advance(20_000);
    expect(await world.claim("a2")).toEqual([]);
    const parked = world.owner.heartbeat({ agent_id: "a1", execs, wait_ms: 60_000 });
    await world.clock.advance(30_001);
    expect(await parked).toEqual({ cancel: [], lost: [grant!.exec_id] });
  });

  test("after a restart a running lease gets its full time again", async () => {
    const world = await World.open();
    await world.submit({ a: exec() });
    await world.claim("a1");
    await world.clock.advance(29_000);
    await world.crash();
    await world.clock.advance(29_000);
    expect(await world.claim("a2")).toEqual([]);
    await world.clock.advance(1_001);
    expect(await world.claim("a2")).toHaveLength(1);
  });

  test("a cancel is told to agents at once, and nothing more is granted", async () => {
    const world = await World.open();
    const run_id = await world.submit({ a: exec(), b: exec() });
    const [a] = await world.claim("a1");
    const execs = [{ run_id, stage_id: "a", exec_id: a!.exec_id, fence: 1 }];
    const parked = world.owner.heartbeat({ agent_id: "a1", execs, wait_ms: 10_000 });
    await settle();
    await world.owner.cancel(run_id, operator, "");
    expect(await parked).toEqual({ cancel: [a!.exec_id], lost: [] });
    expect(await world.claim("a2")).toEqual([]);
    await world.complete("a1", a!, succeeded("a1", a!, { result: "cancelled", reason: "cancelled" }));
    expect((await world.owner.show(run_id)).run).toMatchObject({ status: "cancelled", counts: { cancelled: 2 } });
  });

  test("a failed report waits for its backoff, also through a restart", async () => {
    const world = await World.open();
    const run_id = await world.submit({ a: { ...exec(), retry: { attempts_max: 2, backoff: "2s" } } });
    const [a] = await world.claim("a1");
    await world.complete("a1", a!, failed("a1", a!));
    expect((await world.owner.why(run_id, "a")).summary).toContain("tried again in 2.0s");
    await world.crash();
    await world.clock.advance(1_999);
    expect(await world.claim("a1")).toEqual([]);
    await world.clock.advance(2);
    expect(await world.claim("a1")).toMatchObject([{ attempt: 2, fence: 2 }]);
  });
});

describe("the records", () => {
  test("follow the journal within a quarter of a second, at three rows a stage and one an edge", async () => {
    const world = await World.open();
    const run_id = await world.submit(chain);
    await work(world);
    await world.clock.advance(250);
    let rows = 0;
    for (const { stages, jobs, artifacts } of world.portions) {
      rows +=
        stages.length + jobs.length + artifacts.length + stages.reduce((sum, stage) => sum + stage.requires.length, 0);
      for (const job of jobs) expect(job.exists).toBe(false);
      for (const stage of stages) expect(stage.exists).toBe(false);
    }
    expect(rows).toBe(3 * 3 + 2);
    expect(world.portions.at(-1)).toMatchObject({ complete: true, run: { status: "succeeded", run_id } });
  });

  test("a run that stands still shows its open stages within a quarter of a second", async () => {
    const world = await World.open();
    await world.submit(chain);
    await world.clock.advance(250);
    expect(
      world.portions.flatMap(({ stages }) => stages.map(({ record }) => [record.stage_id, record.status])),
    ).toEqual([
      ["a", "queued"],
      ["b", "pending"],
      ["c", "pending"],
    ]);
  });

  test("come in large portions while nothing else happens, and in small ones while runs change", async () => {
    const world = await World.open();
    await world.submit(Object.fromEntries(Array.from({ length: 1_500 }, (_, i) => [`s${i}`, exec()])));
    await world.clock.advance(250);
    // two rows each: a stage_run and its job
    expect(world.portions.map(({ stages }) => stages.length)).toEqual([600, 600, 300]);
    const grants = await world.claim("a1", 300);
    await world.clock.advance(2_000);
    const before = world.portions.length;
    const [last, ...others] = grants;
    for (const grant of others) await world.complete("a1", grant);
    await world.clock.advance(70);
    await world.complete("a1", last!);
    await world.clock.advance(30);
    // three rows each, with an artifact
    expect(world.portions.slice(before).map(({ stages }) => stages.length)).toEqual([80, 80, 80, 60]);
  });

  test("are never written before what they show is stored", async () => {
    const world = await World.open();
    const run_id = await world.submit({ a: exec() });
    let release = (): void => {};
    world.faults.hold = new Promise((resolve) => {
      release = resolve;
    });
    const cancel = world.owner.cancel(run_id, operator, "");
    await world.clock.advance(1_000);
    expect(world.portions).toEqual([]);
    release();
    await cancel;
    await world.clock.advance(250);
    expect(world.portions.at(-1)?.run.status).toBe("cancelled");
  });

  test("after a crash in the middle, inserts are not repeated and nothing is left out", async () => {
    const world = await World.open();
    const run_id = await world.submit(chain);
    const [a] = await world.claim("a1");
    await world.clock.advance(500);
    await world.complete("a1", a!);
    await world.crash();
    world.portions.length = 0;
    await world.clock.advance(250);
    const written = world.portions.flatMap(({ stages }) =>
      stages.map(({ record, exists }) => [record.stage_id, record.status, exists]),
    );
    expect(written.sort((a, b) => String(a).localeCompare(String(b)))).toEqual([
      ["a", "succeeded", true],
      ["b", "queued", true],
    ]);
    await work(world);
    await world.clock.advance(500);
    const [record] = await openRecords(world);
    expect(record).toMatchObject({ run_id, status: "succeeded", counts: { succeeded: 3 } });
  });

  test("a finished run can be retried, before and after its records are complete, and after a restart", async () => {
    for (const pause of [0, 5_000]) {
      const world = await World.open();
      const run_id = await world.submit(chain);
      const [a] = await world.claim("a1");
      await world.complete("a1", a!, failed("a1", a!));
      await world.clock.advance(pause);
      await Promise.allSettled([world.owner.retry(run_id, operator), world.owner.retry(run_id, operator)]);
      await world.crash();
      expect(await world.statuses(run_id)).toEqual({ a: "queued", b: "pending", c: "pending" });
      await work(world);
      await world.clock.advance(1_000);
      expect((await world.owner.show(run_id)).run.status).toBe("succeeded");
      expect((await openRecords(world))[0]).toMatchObject({ status: "succeeded" });
    }
  });

  test("lists page from the newest to the oldest, over active and finished runs", async () => {
    const world = await World.open();
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) {
      ids.unshift(await world.submit({ a: exec() }));
      if (i < 3) await work(world);
      await world.clock.advance(i === 2 ? 1_000 : 1);
    }
    const first = await world.owner.list(undefined, 2);
    expect(first.runs.map((run) => run.run_id)).toEqual(ids.slice(0, 2));
    const second = await world.owner.list(first.next!, 2);
    const third = await world.owner.list(second.next!, 2);
    expect([...second.runs, ...third.runs].map((run) => run.run_id)).toEqual(ids.slice(2));
    expect(third.next).toBeNull();

    const open = await world.owner.listOpen(undefined, 1);
    const rest = await world.owner.listOpen(open.next!, 1);
    expect([...open.runs, ...rest.runs].map((run) => run.run_id)).toEqual(ids.slice(0, 2));
    expect(rest.next).toBeNull();
  });
});

test("a run whose journal cannot be read is set aside with its error, and the others go on", async () => {
  const world = await World.open();
  const bad = await world.submit(chain);
  const good = await world.submit(chain);
  world.damage(bad);
  await world.crash();
  expect(codeOf(await world.owner.show(bad).catch((error: unknown) => error))).toBe("run-quarantined");
  await work(world);
  expect((await world.owner.show(good)).run.status).toBe("succeeded");
});

async function openRecords(world: World) {
  const { openMemoryStore } = await import("../../src/store/memory-store.ts");
  return openMemoryStore(world.disk).runRecords(1, 1);
}
