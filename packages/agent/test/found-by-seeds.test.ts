import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { bundlePath, type Completion, type Grant } from "orchestrator-core";
import { expect, test } from "vitest";
import { type Ports, realPorts } from "../src/index.ts";
import { tryTake } from "../src/identity.ts";
import { realClock } from "../src/real/clock.ts";
import { makeSlots } from "../src/slots.ts";
import { makeTuning } from "../src/tuning.ts";
import { heldBy, makePlace, type Place, readBundle, stage } from "./fixtures.ts";
import { serve, spawnAgent } from "./processes.ts";
import { grantOf, scriptDaemon, type ScriptedDaemon } from "./scripted-daemon.ts";

/** Each of these was broken once, and a seed of the simulator showed it. The seed stands behind the name. */
const failure = (code: string): Error => Object.assign(new Error(`${code}: simulated`), { code });

/** An agent named `first` runs one exec on a full disk, which lets it seal no bundle, and ends. */
async function leaveUnsealed(place: Place, daemon: ScriptedDaemon): Promise<Grant> {
  const full = ({ files }: Ports): Partial<Ports> => ({
    files: {
      ...files,
      openNew(path, mode) {
        if (path.endsWith(".json")) throw failure("ENOSPC");
        return files.openNew(path, mode);
      },
    },
  });
  const first = stage({ place, daemon, ports: full, options: { agent_id: "first" } });
  const [grant] = daemon.queue({});
  await daemon.until(() => daemon.reportOf(grant!.exec_id) !== undefined);
  first.agent.stop();
  await first.agent.ended;
  return grant!;
}

test("a cancel that overtakes its grant is remembered: the job is handed back and never begins (seed 17)", () => {
  const reports: Completion[] = [];
  const begun: string[] = [];
  const slots = makeSlots({
    ports: { clock: realClock },
    log: { info: () => {}, warn: () => {}, error: () => {} },
    held: { hold: () => {}, started: () => {}, release: () => {}, all: () => [] },
    tuning: makeTuning(),
    slots: 1,
    run: (grant) => {
      begun.push(grant.exec_id);
      return new Promise(() => {});
    },
    report: (completion) => reports.push(completion),
    changed: () => {},
  });
  const grant = grantOf({}, "/workspace", 30_000);
  slots.cancel(grant.exec_id);
  slots.take([grant], realClock.now());
  expect(begun).toEqual([]);
  expect(reports).toMatchObject([{ exec_id: grant.exec_id, report: { kind: "handed_back" } }]);
});

test("a bundle that a full disk did not let us seal is sealed by the next start (seed 6)", async () => {
  const place = makePlace();
  const daemon = scriptDaemon(place.workspace);
  const grant = await leaveUnsealed(place, daemon);
  expect(heldBy(place.state, "first")).toEqual([grant.exec_id]);
  stage({ place, daemon, options: { agent_id: "first" } });
  await daemon.until(() => heldBy(place.state, "first").length === 0);
  expect(existsSync(join(`${readBundle(place.state, grant).path}.incomplete`, "incomplete.json"))).toBe(true);
});

test("left-overs that a failing disk hides from a start are settled before anything new begins (seed 3001074)", async () => {
  const place = makePlace();
  const daemon = scriptDaemon(place.workspace);
  const grant = await leaveUnsealed(place, daemon);
  let failures = 0;
  const failing = ({ files }: Ports): Partial<Ports> => ({
    files: {
      ...files,
      list(path) {
        if (path.endsWith("/held") && failures++ === 0) throw failure("EIO");
        return files.list(path);
      },
    },
  });
  const [next] = daemon.queue({});
  stage({ place, daemon, ports: failing, options: { agent_id: "first" } });
  await daemon.until(() => daemon.reportOf(next!.exec_id) !== undefined);
  expect(failures).toBeGreaterThan(1);
  expect(existsSync(join(`${readBundle(place.state, grant).path}.incomplete`, "incomplete.json"))).toBe(true);
});

test("a bundle that failed after its rename, and could not be marked, is marked by the next start (seed 861)", async () => {
  const place = makePlace();
  const daemon = scriptDaemon(place.workspace);
  const failing = ({ files }: Ports): Partial<Ports> => ({
    files: {
      ...files,
      syncDirectory(path, mode) {
        if (mode === null) throw failure("EIO");
        files.syncDirectory(path, mode);
      },
      writeText(path, text, mode) {
        if (path.endsWith(".fenced.json")) throw failure("EIO");
        files.writeText(path, text, mode);
      },
    },
  });
  const first = stage({ place, daemon, ports: failing, options: { agent_id: "first" } });
  const [grant] = daemon.queue({});
  await daemon.until(() => daemon.reportOf(grant!.exec_id) !== undefined);
  expect(daemon.reportOf(grant!.exec_id)).toMatchObject({ kind: "no_bundle" });
  first.agent.stop();
  await first.agent.ended;
  expect(heldBy(place.state, "first")).toEqual([grant!.exec_id]);
  // as a daemon says to another manifest than the one that it was told of
  const then = scriptDaemon(place.workspace);
  then.refuse = () => ({ code: "report-conflict", message: "it was reported before" });
  stage({ place, daemon: then, options: { agent_id: "first" } });
  await then.until(() => heldBy(place.state, "first").length === 0);
  expect(existsSync(`${readBundle(place.state, grant!).path}.fenced.json`)).toBe(true);
});

/** The directories that are synced, in order, with what is asked of the daemon among them. */
function watchSyncs(synced: string[]): (real: Ports) => Partial<Ports> {
  return (real) => ({
    files: {
      ...real.files,
      syncDirectory(path, mode) {
        synced.push(path);
        real.files.syncDirectory(path, mode);
      },
    },
    connect(url, certificate) {
      const transport = real.connect(url, certificate);
      return (request) => {
        synced.push(request.path);
        return transport(request);
      };
    },
  });
}

test("directories that another agent made are synced before a bundle in them is reported (seed 43)", async () => {
  const place = makePlace();
  const daemon = scriptDaemon(place.workspace);
  const [grant] = daemon.queue({});
  const stage_path = dirname(join(place.state, bundlePath(grant!.run_id, grant!.stage_id, grant!.exec_id)));
  mkdirSync(stage_path, { recursive: true });
  const synced: string[] = [];
  stage({ place, daemon, ports: watchSyncs(synced) });
  await daemon.until(() => daemon.completions.length === 1);
  const before = synced.slice(0, synced.indexOf("/v1/agent/complete"));
  expect(before).toContain(stage_path);
  expect(before).toContain(dirname(stage_path));
  expect(before).toContain(join(place.state, "runs"));
});

test("a bundle that a dead agent published is synced before it is reported (seed 6480)", async () => {
  const place = makePlace();
  const daemon = scriptDaemon(place.workspace);
  daemon.fate = ({ name }) => (name === "complete" ? "deaf" : "answer");
  const agent = spawnAgent(place, ["--daemon", await serve(daemon), "--agent-id", "first"]);
  const [grant] = daemon.queue({});
  const { path } = readBundle(place.state, grant!);
  await daemon.until(() => existsSync(path));
  agent.child.kill("SIGKILL");
  await agent.exited;
  daemon.fate = () => "answer";
  const synced: string[] = [];
  stage({ place, daemon, options: { agent_id: "first" }, ports: watchSyncs(synced) });
  await daemon.until(() => daemon.completions.length === 1);
  expect(synced.slice(0, synced.indexOf("/v1/agent/complete"))).toContain(dirname(path));
});

test("an agent lives on when it cannot give back the name of a dead one (seed 536)", async () => {
  const place = makePlace();
  const daemon = scriptDaemon(place.workspace);
  daemon.fate = ({ name }) => (name === "complete" ? "deaf" : "answer");
  const dead = spawnAgent(place, ["--daemon", await serve(daemon), "--agent-id", "first"]);
  const [grant] = daemon.queue({});
  await daemon.until(() => existsSync(readBundle(place.state, grant!).path));
  dead.child.kill("SIGKILL");
  await dead.exited;
  daemon.fate = () => "answer";
  const { log } = stage({
    place,
    daemon,
    options: { agent_id: "second" },
    ports: ({ files }) => ({
      files: {
        ...files,
        rename(from, to) {
          if (to.includes("/agents/first/lock.")) throw failure("EIO");
          files.rename(from, to);
        },
      },
    }),
  });
  await daemon.until(() => log.some((line) => line.includes("adoption_failed")));
  const [next] = daemon.queue({});
  await daemon.until(() => daemon.reportOf(next!.exec_id) !== undefined);
});

test("a name that could not be given back at first is free again as soon as the disk lets it (seed 30098852)", async () => {
  const place = makePlace();
  const daemon = scriptDaemon(place.workspace);
  daemon.fate = ({ name }) => (name === "complete" ? "deaf" : "answer");
  const dead = spawnAgent(place, ["--daemon", await serve(daemon), "--agent-id", "first"]);
  const [grant] = daemon.queue({});
  await daemon.until(() => existsSync(readBundle(place.state, grant!).path));
  dead.child.kill("SIGKILL");
  await dead.exited;
  daemon.fate = () => "answer";
  let failures = 2;
  stage({
    place,
    daemon,
    options: { agent_id: "second" },
    ports: ({ files }) => ({
      files: {
        ...files,
        rename(from, to) {
          if (to.includes("/agents/first/lock.") && failures-- > 0) throw failure("EIO");
          files.rename(from, to);
        },
      },
    }),
  });
  const world = realPorts(() => undefined);
  await expect.poll(() => tryTake(world, place.state, "first", "itself"), { timeout: 10_000 }).not.toBeNull();
});
