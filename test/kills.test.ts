import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { Cluster, layered, mark, until } from "./cluster.ts";

/** The short form. `KILLS=30 npx vitest run test/kills.test.ts` is the long one. */
const KILLS = Number(process.env.KILLS ?? 6);
const SETTLED = new Set(["succeeded", "failed", "cancelled"]);

let cluster: Cluster;
afterEach(async () => {
  await cluster.close();
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Kills with `killOne` at random moments of runs of 200 stages, until enough were killed; then checks them all. */
async function storm(killOne: () => Promise<void>): Promise<{ runs: number; again: number }> {
  const runs: string[] = [];
  let kills = 0;
  while (kills < KILLS) {
    const body = { workflow: layered(10, 20, 3, mark), workspace: cluster.workspace };
    const key = { "idempotency-key": `run-${runs.length}` };
    const { run_id } = await cluster.call<{ run_id: string }>("POST", "/v1/runs", body, key);
    runs.push(run_id);
    while (kills < KILLS) {
      await pause(20 + Math.random() * 400);
      if (SETTLED.has((await cluster.show(run_id)).run.status)) break;
      await killOne();
      kills++;
    }
    await until("the run ends", async () => (SETTLED.has((await cluster.show(run_id)).run.status) ? true : undefined));
  }
  const acknowledged = new Set(cluster.agents.flatMap((_, index) => cluster.acknowledged(index)));
  const lines = readFileSync(cluster.evidence, "utf8").trim().split("\n");
  const starts = lines.filter((line) => line.startsWith("start ")).map((line) => line.split(" ")[1]!);
  expect(new Set(starts).size, "no exec ran twice").toBe(starts.length);
  let kept = 0;
  let again = 0;
  for (const run_id of runs) {
    const view = await cluster.show(run_id);
    expect(view.run.counts).toEqual({ succeeded: 200 });
    const events = await cluster.events(run_id);
    expect(events.map((event) => event.seq)).toEqual(events.map((_, i) => i + 1));
    const successes = events.flatMap((event) => (event.type === "exec_succeeded" ? [event.stage_id] : []));
    expect(new Set(successes).size, "no stage succeeded twice").toBe(successes.length);
    for (const { execs } of view.stages) {
      again += execs.length - 1;
      for (const { exec_id, outcome } of execs) if (acknowledged.delete(exec_id) && outcome === "succeeded") kept++;
    }
  }
  expect([...acknowledged], "every acknowledged completion is in the store").toEqual([]);
  expect(kept).toBe(200 * runs.length);
  return { runs: runs.length, again };
}

describe("kill -9 at random moments of a run of 200 stages", () => {
  test("of the daemon: it comes back and finishes, nothing acknowledged is lost, nothing succeeds twice", {
    timeout: 600_000,
  }, async () => {
    cluster = new Cluster();
    await cluster.startDaemon();
    cluster.startAgent(0, ["--slots", "4"]);
    const { runs, again } = await storm(async () => {
      await cluster.kill(cluster.daemon);
      await cluster.startDaemon();
    });
    console.info(`${KILLS} kills of the daemon over ${runs} runs; ${again} execs that did not succeed`);
  });

  test("of an agent: its work is taken up again, nothing is lost, nothing succeeds twice", {
    timeout: 600_000,
  }, async () => {
    cluster = new Cluster();
    await cluster.startDaemon(["--lease-ms", "3000"]);
    cluster.startAgent(0, ["--slots", "3"]);
    cluster.startAgent(1, ["--slots", "3"]);
    const { runs, again } = await storm(async () => {
      const index = Math.floor(Math.random() * 2);
      await cluster.kill(cluster.agents[index]!);
      cluster.startAgent(index, ["--slots", "3"]);
    });
    console.info(`${KILLS} kills of agents over ${runs} runs; ${again} execs that did not succeed`);
  });
});
