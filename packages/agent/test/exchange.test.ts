import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ClaimBody, CompleteBody } from "orchestrator-core";
import { expect, test } from "vitest";
import type { Ports, Processes } from "../src/index.ts";
import { heldBy, readBundle, stage } from "./fixtures.ts";
import { command, type Job, shell } from "./scripted-daemon.ts";

/** Every command ends with success the moment it starts. */
const instant = ({ processes }: Ports): Partial<Ports> => ({
  processes: {
    ...processes,
    start: () => ({
      pid: Promise.resolve(999_999_999),
      ended: Promise.resolve({ started: true, exit: { code: 0, signal: null }, usage: null, cut: null }),
      end: () => Promise.resolve({ signalled: [], survivors: 0 }),
      extend: () => undefined,
    }),
  } satisfies Processes,
});

/** Time stands still for every delay that is more than a turn: no claim is parked beside a running stage. */
const timeless = (real: Ports): Partial<Ports> => ({
  ...instant(real),
  clock: { ...real.clock, after: (ms, fn) => (ms > 1 ? () => undefined : real.clock.after(ms, fn)) },
});

const namesOf = ({ daemon }: ReturnType<typeof stage>) => daemon.requests.map(({ name }) => name);

test("a chain costs one request a stage", async () => {
  const scene = stage({ ports: timeless, options: { slots: 8 } });
  let left = 49;
  scene.daemon.next = () => (left-- > 0 ? [{}] : []);
  scene.daemon.queue({});
  await scene.daemon.until(() => scene.daemon.completions.length === 50);
  expect(namesOf(scene).slice(0, 51)).toEqual(["claim", ...Array.from({ length: 50 }, () => "complete")]);
});

test("an agent asks for no more than its free slots and the jobs of one round trip", async () => {
  const scene = stage({ ports: instant, options: { slots: 4 } });
  scene.daemon.queue(...Array.from({ length: 100 }, (): Job => ({})));
  await scene.daemon.until(() => scene.daemon.completions.length === 100);
  for (const { name, body } of scene.daemon.requests) {
    if (name === "claim") expect((body as ClaimBody).jobs_max).toBeLessThanOrEqual(4 + 32);
    if (name === "complete") expect((body as CompleteBody).claim?.jobs_max ?? 0).toBeLessThanOrEqual(4 + 32);
  }
});

test("what ends while a report is under way goes into the next one", async () => {
  const scene = stage({ ports: instant, options: { slots: 8 } });
  scene.daemon.queue(...Array.from({ length: 64 }, (): Job => ({})));
  await scene.daemon.until(() => scene.daemon.completions.length === 64);
  expect(namesOf(scene).filter((name) => name === "complete").length).toBeLessThan(40);
});

test("a report that got no answer is repeated with the same request_id until it is answered", async () => {
  const scene = stage({ ports: instant });
  let lost = 3;
  scene.daemon.fate = ({ name }) => (name === "complete" && lost-- > 0 ? (lost === 1 ? "deaf" : "lose") : "answer");
  const [grant] = scene.daemon.queue({});
  await scene.daemon.until(() => scene.daemon.completions.length === 1 && heldBy(scene.state, "local-1").length === 0);
  const reports = scene.daemon.requests.filter(({ name }) => name === "complete");
  expect(reports.length).toBe(4);
  expect(new Set(reports.map(({ request_id }) => request_id)).size).toBe(1);
  expect(scene.daemon.completions.map(({ exec_id }) => exec_id)).toEqual([grant!.exec_id]);
});

test("a report that meets with silence is repeated before a lease is over, though not at once if it needs its time", async () => {
  const lease_ms = 800;
  const scene = stage({ ports: instant, lease_ms });
  let silent = 3;
  scene.daemon.fate = ({ name }) => (name === "complete" && silent-- > 0 ? "silent" : "answer");
  scene.daemon.queue({});
  await scene.daemon.until(() => scene.daemon.completions.length === 1);
  const at = scene.daemon.requests.filter(({ name }) => name === "complete").map((request) => request.at);
  const waited = at.slice(1).map((time, i) => time - at[i]!);
  expect(waited.length).toBe(3);
  [lease_ms / 4, lease_ms / 2, lease_ms].forEach((ms, i) => {
    expect(waited[i]).toBeGreaterThanOrEqual(ms - 1);
    expect(waited[i]).toBeLessThan(ms + 1_000);
  });
});

test("grants whose answer was lost come with the repeated claim, and run once", async () => {
  const scene = stage();
  let lost = 1;
  scene.daemon.fate = ({ name }) => (name === "claim" && lost-- > 0 ? "lose" : "answer");
  scene.daemon.queue({ exec: { commands: [shell("echo ran >> ran")] } });
  await scene.daemon.until(() => scene.daemon.completions.length === 1);
  const [first, second] = scene.daemon.requests;
  expect([first!.name, second!.name]).toEqual(["claim", "claim"]);
  expect(second!.request_id).toBe(first!.request_id);
  expect(readFileSync(join(scene.workspace, "ran"), "utf8")).toBe("ran\n");
});

test("a daemon that does not accept work is asked again", async () => {
  const scene = stage({ ports: instant });
  let refusals = 2;
  scene.daemon.fate = ({ name }) => (name === "complete" && refusals-- > 0 ? "error" : "answer");
  scene.daemon.queue({});
  await scene.daemon.until(() => scene.daemon.completions.length === 1);
  expect(namesOf(scene).filter((name) => name === "complete").length).toBe(3);
});

test("a refused report leaves its bundle, marked as fenced", async () => {
  const scene = stage();
  scene.daemon.refuse = () => ({ code: "fence-stale", message: "the lease was given to another exec" });
  const [grant] = scene.daemon.queue({});
  const { path, manifest } = readBundle(scene.state, grant!);
  await scene.daemon.until(() => existsSync(`${path}.fenced.json`));
  expect(JSON.parse(readFileSync(`${path}.fenced.json`, "utf8"))).toMatchObject({
    schema: "orchestrator.fenced/1",
    exec_id: grant!.exec_id,
    code: "fence-stale",
    message: "the lease was given to another exec",
  });
  expect(manifest().result).toBe("succeeded");
  await scene.daemon.until(() => heldBy(scene.state, "local-1").length === 0);
});

test("of a batch that is refused as a whole, each report is sent by itself", async () => {
  const scene = stage({ ports: instant, options: { slots: 4 } });
  scene.daemon.fate = ({ name, body }) => {
    const many = name === "complete" && (body as CompleteBody).completions.length > 1;
    return many ? "refuse" : "answer";
  };
  scene.daemon.queue(...Array.from({ length: 12 }, (): Job => ({})));
  await scene.daemon.until(() => scene.daemon.completions.length === 12);
});

test("a job that was fetched ahead and finds no slot is handed back, and runs when it is granted again", async () => {
  const scene = stage({ options: { slots: 1 } });
  // short stages first, so that the agent fetches ahead
  scene.daemon.queue(...Array.from({ length: 10 }, (): Job => ({})));
  const [long, next] = scene.daemon.queue({ exec: { commands: [command(["sleep", "60"])] } }, {});
  await scene.daemon.until(() => scene.daemon.reportOf(next!.exec_id) !== undefined);
  expect(scene.daemon.reportOf(next!.exec_id)).toEqual({ kind: "handed_back" });
  expect(scene.daemon.reportOf(long!.exec_id)).toBeUndefined();
  expect(existsSync(readBundle(scene.state, next!).path)).toBe(false);
});

test.each([1, 2, 3])(
  "through a network that loses half of what is said, every job is reported once (%d)",
  async (seed) => {
    const scene = stage({ ports: instant, options: { slots: 3 } });
    let state = seed;
    const fates = ["answer", "answer", "lose", "deaf", "error"] as const;
    scene.daemon.fate = () => {
      state = (state * 48_271) % 2_147_483_647;
      return fates[state % fates.length]!;
    };
    const grants = scene.daemon.queue(...Array.from({ length: 60 }, (): Job => ({})));
    await scene.daemon.until(() => scene.daemon.completions.filter((c) => c.report.kind === "manifest").length === 60);
    expect(scene.daemon.completions.map(({ exec_id }) => exec_id).sort()).toEqual(
      grants.map(({ exec_id }) => exec_id).sort(),
    );
    await scene.daemon.until(() => heldBy(scene.state, "local-1").length === 0);
  },
);

test("an agent without anything to do parks one claim", async () => {
  const scene = stage({ ports: instant });
  scene.daemon.queue({});
  await scene.daemon.until(() => namesOf(scene).join() === "claim,complete,claim");
  expect((scene.daemon.requests[2]!.body as ClaimBody).wait_ms).toBeGreaterThanOrEqual(10_000);
});

test("a refusal at the door decides nothing: the report is repeated, and its bundle is not fenced", async () => {
  const statuses = [401, 408, 421, 429];
  const refusals = [...statuses];
  const scene = stage({
    ports: (real) => ({
      connect: (url, certificate) => async (request) => {
        const status = request.path.endsWith("/complete") ? refusals.shift() : undefined;
        if (status === undefined) return real.connect(url, certificate)(request);
        return { status, body: JSON.stringify({ status, code: "at-the-door", detail: "" }) };
      },
    }),
  });
  const [grant] = scene.daemon.queue({});
  await scene.daemon.until(() => scene.daemon.completions.length === 1);
  expect(refusals).toEqual([]);
  expect(scene.daemon.reportOf(grant!.exec_id)?.kind).toBe("manifest");
  expect(existsSync(`${readBundle(scene.state, grant!).path}.fenced.json`)).toBe(false);
  expect(scene.log.filter((line) => line.includes("daemon_silent")).length).toBe(1);
});
