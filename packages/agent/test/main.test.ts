import { chownSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { realProcesses } from "../src/index.ts";
import { makePlace, type Place, processesOf, readBundle } from "./fixtures.ts";
import { BIN, serve, spawnAgent } from "./processes.ts";
import { command, scriptDaemon, shell } from "./scripted-daemon.ts";

test("a flag that is wrong is a usage error", () => {
  const { status, stderr } = spawnSync(process.execPath, [BIN, "--slots", "many"], { encoding: "utf8" });
  expect(status).toBe(2);
  expect(stderr).toContain("It is a whole number from 1 to 256.");
});

test("a name that a live agent has is refused with a hint", async () => {
  const place = makePlace();
  const daemon = scriptDaemon(place.workspace);
  const url = await serve(daemon);
  spawnAgent(place, ["--daemon", url, "--agent-id", "mine"]);
  await daemon.until(() => daemon.requests.length > 0);
  const second = spawnAgent(place, ["--daemon", url, "--agent-id", "mine"]);
  expect(await second.exited).toEqual({ code: 6, signal: null });
  expect(second.stderr()).toContain("error[state-in-use]: an agent named `mine` already runs");
});

test("flags come from the environment as well", async () => {
  const place = makePlace();
  const daemon = scriptDaemon(place.workspace);
  spawnAgent(place, [], {
    env: {
      ORCHESTRATOR_DAEMON: await serve(daemon),
      ORCHESTRATOR_AGENT_ID: "from-env",
      ORCHESTRATOR_SLOTS: "3",
      ORCHESTRATOR_LABELS: "gpu,big",
      ORCHESTRATOR_WORKSPACE_ROOT: `/nowhere:${place.workspace}`,
    },
  });
  const [grant] = daemon.queue({});
  await daemon.until(() => daemon.completions.length === 1);
  expect(daemon.requests[0]).toMatchObject({ agent_id: "from-env", body: { jobs_max: 3, labels: ["gpu", "big"] } });
  expect(daemon.manifestOf(grant!.exec_id).result).toBe("succeeded");
});

/** As the daemon does it. */
function announce({ state }: Place, url: string): void {
  const processes = realProcesses();
  const { pid } = processes.self;
  writeFileSync(join(state, "daemon.json"), JSON.stringify({ url, pid, pid_start: processes.startOf(pid) }));
}

test("an agent waits for its daemon, and follows it to another address", async () => {
  const place = makePlace();
  const agent = spawnAgent(place, []);
  const first = scriptDaemon(place.workspace);
  announce(place, await serve(first));
  await first.until(() => first.requests.length === 1);
  const second = scriptDaemon(place.workspace);
  rmSync(join(place.state, "daemon.json"));
  first.fate = () => "deaf";
  first.queue({});
  announce(place, await serve(second));
  second.queue({});
  await second.until(() => second.completions.length === 1);
  agent.child.kill("SIGTERM");
  expect(await agent.exited).toEqual({ code: 0, signal: null });
});

test("an agent that was started with --parent-stdin ends with its parent", async () => {
  const place = makePlace();
  const daemon = scriptDaemon(place.workspace);
  const agent = spawnAgent(place, ["--daemon", await serve(daemon), "--parent-stdin"]);
  await daemon.until(() => daemon.requests.length > 0);
  agent.child.stdin!.end();
  expect(await agent.exited).toEqual({ code: 0, signal: null });
});

test("two SIGTERMs end a stubborn command with its agent", async () => {
  const place = makePlace();
  const daemon = scriptDaemon(place.workspace);
  const agent = spawnAgent(place, ["--daemon", await serve(daemon)]);
  const [grant] = daemon.queue({ exec: { commands: [shell("trap '' TERM; while :; do sleep 0.05; done")] } });
  await daemon.until(() => processesOf(grant!.exec_id).length > 0);
  agent.child.kill("SIGTERM");
  await daemon.until(() => agent.stderr().includes('"agent_stopping"'));
  agent.child.kill("SIGTERM");
  expect(await agent.exited).toEqual({ code: 130, signal: null });
  expect(processesOf(grant!.exec_id)).toEqual([]);
});

test("an idle agent stays below 80 MB", async () => {
  const place = makePlace();
  const daemon = scriptDaemon(place.workspace);
  const agent = spawnAgent(place, ["--daemon", await serve(daemon)]);
  daemon.queue({}, {}, {});
  await daemon.until(() => daemon.requests.filter(({ name }) => name === "claim").length >= 2);
  const [, rss] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${agent.pid}/status`, "utf8"))!;
  expect(Number(rss)).toBeLessThan(80_000);
});

const OTHER = 65_534;
const wrap = ["setpriv", `--reuid=${OTHER}`, `--regid=${OTHER}`, "--clear-groups"];
/** As root, and where the checkout can be read by others. */
const canDrop = spawnSync(wrap[0]!, [...wrap.slice(1), process.execPath, BIN, "--version"]).status === 0;

test.runIf(canDrop)("an ordinary user runs, publishes, and seals what an earlier agent left read-only", async () => {
  const place = makePlace();
  const top = dirname(place.state);
  for (const path of [top, place.state, join(place.state, "tokens"), place.workspace]) chownSync(path, OTHER, OTHER);
  chownSync(join(place.state, "tokens", "agent"), OTHER, OTHER);
  const daemon = scriptDaemon(place.workspace);
  const args = ["--daemon", await serve(daemon), "--agent-id", "mine"];

  const first = spawnAgent(place, args, { wrap });
  const [done] = daemon.queue({ exec: { commands: [command(["id", "-u"])] } });
  await daemon.until(() => daemon.completions.length === 1);
  const bundle = readBundle(place.state, daemon.manifestOf(done!.exec_id));
  expect(bundle.read("cmd-000.stdout.log")).toBe(`${OTHER}\n`);
  expect(bundle.manifest()).toMatchObject({ result: "succeeded", agent: { uid: OTHER } });

  const [cut] = daemon.queue({ exec: { commands: [command(["sleep", "60"])] } });
  await daemon.until(() => processesOf(cut!.exec_id).length > 0);
  first.child.kill("SIGKILL");
  await first.exited;
  spawnAgent(place, args, { wrap });
  await daemon.until(() => daemon.reportOf(cut!.exec_id) !== undefined);
  expect(daemon.reportOf(cut!.exec_id)).toEqual({ kind: "lost" });
  expect(existsSync(join(`${readBundle(place.state, cut!).path}.incomplete`, "incomplete.json"))).toBe(true);
});
