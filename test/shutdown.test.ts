import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Cluster, script, until } from "./cluster.ts";

let cluster: Cluster;
afterEach(async () => {
  await cluster.close();
});

test("an agent that is told to end while a claim of it is parked takes no job with it", {
  timeout: 60_000,
}, async () => {
  cluster = new Cluster();
  const wait = join(cluster.workspace, "wait");
  writeFileSync(wait, "#!/bin/sh\ntouch began\nwhile [ ! -e go ]; do sleep 0.05; done\n");
  chmodSync(wait, 0o755);
  await cluster.startDaemon();
  cluster.startAgent(0, ["--slots", "2"]);
  const stages = { a: { exec: [script("wait")] }, b: { requires: ["a"], effects: "once", exec: [["true"]] } };
  const body = { workflow: { name: "w", stages }, workspace: cluster.workspace };
  const { run_id } = await cluster.call<{ run_id: string }>("POST", "/v1/runs", body);
  const statuses = async (): Promise<string> => (await cluster.show(run_id)).stages.map(({ status }) => status).join();
  await until("a runs", async () => ((await statuses()) === "running,pending" ? true : undefined));
  // long enough held that a claim is parked beside it
  await until("a second claim is parked", async () => {
    const why = await cluster.call<{ summary: string }>("GET", `/v1/runs/${run_id}/stages/a/why`);
    return Number(/ends in ([0-9.]+)s/.exec(why.summary)?.[1]) < 29 ? true : undefined;
  });
  const agent = cluster.agents[0]!;
  const ended = once(agent, "exit");
  agent.kill("SIGTERM");
  writeFileSync(join(cluster.workspace, "go"), "");
  await ended;
  expect(await statuses()).toBe("succeeded,queued");
});
