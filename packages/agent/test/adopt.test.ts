import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundlePath } from "orchestrator-core";
import { expect, test } from "vitest";
import { heldBy, makePlace, processesOf, readBundle, stage } from "./fixtures.ts";
import { serve, spawnAgent } from "./processes.ts";
import { command, type Job, scriptDaemon, shell } from "./scripted-daemon.ts";

/** An agent process that does one job's beginning, and is then killed where it stands. It has no keeper. */
async function killed(job: Job, when: (scene: { exec_id: string; path: string }) => boolean) {
  const place = makePlace();
  const daemon = scriptDaemon(place.workspace);
  const agent = spawnAgent(place, ["--daemon", await serve(daemon), "--slots", "1", "--agent-id", "first"], {
    env: { ORCHESTRATOR_KEEPER: "none" },
  });
  const [grant] = daemon.queue(job);
  const { exec_id, run_id, stage_id } = grant!;
  const path = join(place.state, bundlePath(run_id, stage_id, exec_id));
  await daemon.until(() => when({ exec_id, path }));
  agent.child.kill("SIGKILL");
  await agent.exited;
  return { place, daemon, grant: grant!, exec_id, path };
}

test("what a killed agent was running is ended, sealed as incomplete, and reported as lost by its name", async () => {
  const { place, daemon, exec_id, path, grant } = await killed(
    { exec: { commands: [shell("echo begun; setsid sleep 60 & sleep 60")] } },
    ({ exec_id, path }) => processesOf(exec_id).length >= 3 && readFileSync(logOf(path, exec_id), "utf8") === "begun\n",
  );
  expect(processesOf(exec_id).length).toBeGreaterThanOrEqual(3);
  const { agent } = stage({ place, daemon });
  await daemon.until(() => daemon.reportOf(exec_id) !== undefined && heldBy(place.state, "first").length === 0);
  expect(agent.agent_id).toBe("local-1");
  expect(daemon.reportOf(exec_id)).toEqual({ kind: "lost" });
  expect(daemon.requests.findLast(({ name }) => name === "complete")!.agent_id).toBe("first");
  expect(processesOf(exec_id)).toEqual([]);
  expect(existsSync(path)).toBe(false);
  const incomplete = JSON.parse(readFileSync(join(`${path}.incomplete`, "incomplete.json"), "utf8")) as object;
  expect(incomplete).toMatchObject({
    schema: "orchestrator.incomplete/1",
    exec_id,
    fence: grant.fence,
    held_by: "first",
    sealed_by: { agent_id: "local-1" },
    why: "agent_died",
    survivors: 0,
    found: [
      { name: "cmd-000.stderr.log", size: 0 },
      { name: "cmd-000.stdout.log", size: 6 },
    ],
  });
  expect(readdirSync(join(place.state, "agents", "first", "scratch"))).toEqual([]);
});

const logOf = (path: string, exec_id: string): string => join(path, "..", `.tmp-${exec_id}`, "cmd-000.stdout.log");

test("a bundle that was published and never answered for is reported as it stands", async () => {
  const place = makePlace();
  const daemon = scriptDaemon(place.workspace);
  daemon.fate = ({ name }) => (name === "complete" ? "deaf" : "answer");
  const agent = spawnAgent(place, ["--daemon", await serve(daemon), "--agent-id", "first"]);
  const [grant] = daemon.queue({});
  const { path, read } = readBundle(place.state, grant!);
  await daemon.until(() => existsSync(path));
  agent.child.kill("SIGKILL");
  await agent.exited;
  daemon.fate = () => "answer";
  stage({ place, daemon, options: { agent_id: "first" } });
  await daemon.until(() => daemon.completions.length === 1);
  expect(daemon.reportOf(grant!.exec_id)).toEqual({ kind: "manifest", manifest: read("manifest.json") });
});

test("a job that a killed agent had fetched ahead is handed back", async () => {
  const place = makePlace();
  const daemon = scriptDaemon(place.workspace);
  daemon.beyond = 1;
  const agent = spawnAgent(place, ["--daemon", await serve(daemon), "--slots", "1", "--agent-id", "first"]);
  const [long, next] = daemon.queue({ exec: { commands: [command(["sleep", "60"])] } }, {});
  await daemon.until(() => heldBy(place.state, "first").includes(next!.exec_id));
  agent.child.kill("SIGKILL");
  await agent.exited;
  stage({ place, daemon });
  await daemon.until(() => daemon.reportOf(next!.exec_id) !== undefined);
  expect(daemon.reportOf(next!.exec_id)).toEqual({ kind: "handed_back" });
  await daemon.until(() => daemon.reportOf(long!.exec_id) !== undefined);
});

test("a process that only has the same number as one of ours is left alone", async () => {
  const { place, daemon, exec_id } = await killed(
    { exec: { commands: [command(["sleep", "60"])] } },
    ({ exec_id }) => processesOf(exec_id).length === 1,
  );
  const signals: number[] = [];
  stage({
    place,
    daemon,
    ports: ({ processes }) => ({
      processes: {
        ...processes,
        // as if the machine had started again since
        boot: "another-boot",
        find: ({ pgids }) => processes.find({ pgids, mark: null }),
        signal: (pgid) => signals.push(pgid),
      },
    }),
  });
  await daemon.until(() => daemon.reportOf(exec_id) !== undefined);
  expect(signals).toEqual([]);
  for (const pid of processesOf(exec_id)) process.kill(pid, "SIGKILL");
});

test("what a live agent holds is not touched", async () => {
  const place = makePlace();
  const first = stage({ place });
  const [grant] = first.daemon.queue({ exec: { commands: [command(["sleep", "60"])] } });
  await first.daemon.until(() => processesOf(grant!.exec_id).length === 1);
  const second = stage({ place });
  await second.daemon.until(() => second.daemon.requests.length > 0);
  expect(second.agent.agent_id).toBe("local-2");
  expect(second.daemon.completions).toEqual([]);
  expect(processesOf(grant!.exec_id).length).toBe(1);
});

test("an agent with a token of its own leaves to others what they left: it could not report in their name", async () => {
  const { place, daemon, exec_id } = await killed(
    { exec: { commands: [shell("sleep 60")] } },
    ({ exec_id }) => processesOf(exec_id).length > 0,
  );
  const token_file = join(place.state, "own.token");
  writeFileSync(token_file, "own\n");
  const { daemon: own } = stage({ place, options: { agent_id: "far", token_file } });
  await own.until(() => own.requests.length > 0);
  expect(heldBy(place.state, "first")).toEqual([exec_id]);
  expect(processesOf(exec_id).length).toBeGreaterThan(0);
  // one of the directory's own agents may
  stage({ place, daemon });
  await daemon.until(() => daemon.reportOf(exec_id) !== undefined);
  expect(processesOf(exec_id)).toEqual([]);
});
