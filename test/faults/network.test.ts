import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Manifest } from "orchestrator-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { mark, script, until } from "../cluster.ts";
import { Proxy } from "./proxy.ts";
import { Site } from "./site.ts";

let site: Site;
let proxy: Proxy | null = null;
beforeEach(() => {
  site = new Site();
});
afterEach(async () => {
  proxy?.close();
  await site.close();
});

async function startBehindProxy(lease_ms: number): Promise<Proxy> {
  proxy = await Proxy.open();
  await site.startDaemon(["--lease-ms", String(lease_ms), "--allow-host", new URL(proxy.url).host]);
  proxy.leadTo(site.url);
  site.startAgent(0, ["--daemon", proxy.url, "--slots", "1"]);
  return proxy;
}

const bundle = (run_id: string, stage_id: string, exec_id: string): string =>
  join(site.state, "runs", run_id, stage_id, exec_id);

test("a network cut that is shorter than the lease costs nothing: what ended meanwhile is reported, and nothing runs again", async () => {
  const network = await startBehindProxy(10_000);
  const run_id = await site.submit({
    a: { exec: [["sleep", "0.5"]] },
    b: { requires: ["a"], exec: [mark] },
  });
  const { exec_id } = await site.running(run_id, "a");
  network.cut();
  await until("a's bundle is there", async () => (existsSync(bundle(run_id, "a", exec_id)) ? true : undefined));
  expect((await site.show(run_id)).stages[0]).toMatchObject({ status: "running" });
  const silent = await until("the agent notices", async () => site.agentSaid(0, "daemon_silent")[0]);
  expect(silent.why).toMatch(/ECONNREFUSED|ECONNRESET|socket hang up/);
  network.heal();
  expect(await site.settled(run_id)).toBe("succeeded");
  for (const { execs } of (await site.show(run_id)).stages) expect(execs).toHaveLength(1);
  expect(site.agentSaid(0, "daemon_answers")).not.toEqual([]);
});

test("a connection that is open and carries nothing, for longer than the lease: the agent ends its command by itself, another agent takes over, the late report is fenced", async () => {
  const network = await startBehindProxy(1_500);
  // only the first exec takes its time
  site.program("once", "[ -e again ] && exit 0\ntouch again\nexec sleep 60");
  const run_id = await site.submit({ a: { exec: [script("once")] } });
  const first = await site.running(run_id, "a");
  await until("the command runs", async () => (site.evidenceOf("again") ? true : undefined));
  network.hold();
  site.startAgent(1, ["--slots", "1"]);
  expect(await site.settled(run_id)).toBe("succeeded");
  const [lost, second] = (await site.show(run_id)).stages[0]!.execs;
  expect(lost).toMatchObject({ exec_id: first.exec_id, agent_id: "a0", outcome: "lost" });
  expect(second).toMatchObject({ agent_id: "a1", outcome: "succeeded", fence: 2 });

  const published = bundle(run_id, "a", first.exec_id);
  await until("the first has ended its command", async () => (existsSync(published) ? true : undefined));
  const manifest = JSON.parse(readFileSync(join(published, "manifest.json"), "utf8")) as Manifest;
  expect(manifest).toMatchObject({ result: "failed", reason: "lease_lost" });
  const overlap_ms = Date.parse(manifest.ended_at) - Date.parse(second!.granted_at);
  expect(overlap_ms, "the two did not run at the same time").toBeLessThan(1_000);

  network.heal();
  await until("it is told", async () => (existsSync(`${published}.fenced.json`) ? true : undefined));
  expect((await site.show(run_id)).run.status).toBe("succeeded");
  expect(await site.cli("verify", run_id)).toMatchObject({ code: 0 });
});

test("a slow network makes nothing expire and loses nothing", async () => {
  const network = await startBehindProxy(3_000);
  network.slow(120);
  const stages = Object.fromEntries(
    Array.from({ length: 4 }, (_, i) => [`s${i}`, { requires: i === 0 ? [] : [`s${i - 1}`], exec: [mark] }]),
  );
  const run_id = await site.submit(stages);
  expect(await site.settled(run_id)).toBe("succeeded");
  for (const { execs } of (await site.show(run_id)).stages) expect(execs).toHaveLength(1);
});
