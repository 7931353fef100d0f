import { afterEach, expect, test } from "vitest";
import { Cluster, layered, until } from "./cluster.ts";

let cluster: Cluster;
afterEach(async () => {
  await cluster.close();
});

/** Milliseconds a stage, from the submit to the run's end. */
async function run(layers: number): Promise<number> {
  const body = { workflow: layered(layers, 100, 3, ["true"]), workspace: cluster.workspace };
  const begun = performance.now();
  const { run_id } = await cluster.call<{ run_id: string }>("POST", "/v1/runs", body);
  const events = await cluster.events(run_id);
  const took = performance.now() - begun;
  expect(events.at(-1)).toMatchObject({ type: "run_settled", status: "succeeded" });
  return took / (layers * 100);
}

test("a run of 5,000 stages finishes, at a cost per stage that does not grow with its size", {
  timeout: 300_000,
}, async () => {
  cluster = new Cluster();
  await cluster.startDaemon();
  cluster.startAgent(0, ["--slots", "4"]);
  await run(2);
  // small ones before and after: the machine's own speed drifts
  const before = await run(5);
  const large = await run(50);
  const small = Math.max(before, await run(5));
  console.info(`${small.toFixed(2)} ms a stage of 500, ${large.toFixed(2)} ms a stage of 5,000`);
  expect(large / small).toBeLessThan(1.3);
  // the records have caught up: a person's query sees all stages and all edges of the run
  const count = async (surql: string): Promise<number> => {
    const { results } = await cluster.call<{ results: unknown[] }>("POST", "/v1/query", { surql });
    return Number(JSON.stringify(results).match(/\d+/)?.[0]);
  };
  await until("all records are written", async () =>
    (await count(
      "SELECT VALUE count FROM (SELECT count() AS count FROM stage_run WHERE status = 'succeeded' GROUP ALL)",
    )) === 6_200
      ? true
      : undefined,
  );
  expect(await count("SELECT VALUE count FROM (SELECT count() AS count FROM requires GROUP ALL)")).toBe(
    3 * (100 + 400 + 400 + 4_900),
  );
});
