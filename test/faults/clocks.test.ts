import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { mark, script, until } from "../cluster.ts";
import { Site } from "./site.ts";

const DAY_MS = 86_400_000;

let site: Site;
/** Words before a command line: its wall clock begins `begin_ms` off, and each SIGUSR2 sets it by the next step. */
let withClock: (begin_ms: number, ...steps_ms: readonly number[]) => string[];

beforeEach(() => {
  site = new Site();
  const file = join(site.directory, "clock.mjs");
  writeFileSync(
    file,
    `const { now } = Date; const steps = process.env.CLOCK.split(",").map(Number); let off = steps.shift();
     const Real = Date;
     globalThis.Date = class extends Real { constructor(...a) { if (a.length > 0) super(...a); else super(Real.now()); } };
     Real.now = () => now() + off; globalThis.Date.now = Real.now;
     process.on("SIGUSR2", () => { off += steps.shift() ?? 0; });`,
  );
  withClock = (...steps) => ["env", `CLOCK=${steps.join(",")}`, `NODE_OPTIONS=--import=${file}`];
});
afterEach(() => site.close());

test("the wall clocks of daemon and agent step a day ahead and two days back: no lease expires, none lives on, backoffs end in time", async () => {
  await site.startDaemon(["--lease-ms", "1000"], { through: withClock(0, DAY_MS, -2 * DAY_MS) });
  const agent = site.startAgentThrough(0, withClock(0, -DAY_MS, 2 * DAY_MS), ["--slots", "2"]);
  // fails once, and is tried again after a backoff
  site.program("flaky", "[ -e tried ] && exit 0\ntouch tried\nexit 1");
  const run_id = await site.submit({
    long: { exec: [["sleep", "2"]] },
    flaky: { retry: { attempts_max: 2, backoff: "500ms" }, exec: [script("flaky")] },
  });
  await site.running(run_id, "long");
  for (let step = 0; step < 2; step++) {
    site.daemon!.kill("SIGUSR2");
    agent.kill("SIGUSR2");
    if (step === 0) {
      await until("it is tried again", async () => {
        const flaky = (await site.show(run_id)).stages.find(({ stage_id }) => stage_id === "flaky")!;
        return flaky.status === "succeeded" ? true : undefined;
      });
    }
  }
  expect(await site.settled(run_id)).toBe("succeeded");
  const view = await site.show(run_id);
  expect(view.stages.find(({ stage_id }) => stage_id === "long")!.execs).toHaveLength(1);
  const events = await site.events(run_id);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
  expect(events.some(({ type }) => type === "lease_lost")).toBe(false);
  const spread_ms = Math.max(...events.map(({ at }) => at)) - Math.min(...events.map(({ at }) => at));
  expect(spread_ms, "the clocks did step").toBeGreaterThan(DAY_MS);

  // an agent that dies under a clock that is off is still noticed
  const lost = await site.submit({ a: { exec: [["sleep", "60"]] } });
  await site.running(lost, "a");
  await site.kill(agent);
  await until("the lease expires", async () =>
    (await site.show(lost)).stages[0]!.execs[0]!.outcome === "lost" ? true : undefined,
  );
});

test("a daemon that starts again with its clock years back: runs keep their order, and what ran goes on", async () => {
  await site.startDaemon(["--lease-ms", "1500"]);
  site.startAgent(0);
  const before = await site.submit({ a: { exec: [mark] } });
  expect(await site.settled(before)).toBe("succeeded");
  const open = await site.submit({ a: { exec: [["sleep", "1"]] }, b: { requires: ["a"], exec: [mark] } });
  await site.running(open, "a");
  await site.kill(site.daemon);
  await site.startDaemon(["--lease-ms", "1500"], { through: withClock(-3_000 * DAY_MS) });
  const after = await site.submit({ a: { exec: [mark] } });
  for (const run_id of [open, after]) expect(await site.settled(run_id)).toBe("succeeded");
  const { runs } = await site.call<{ runs: { run_id: string }[] }>("GET", "/v1/runs");
  expect(runs.map(({ run_id }) => run_id)).toEqual([after, open, before]);
  expect(after < before, "its id is of that clock").toBe(true);
});
