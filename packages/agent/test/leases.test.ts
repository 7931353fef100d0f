import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { HeartbeatBody } from "orchestrator-core";
import { leaseDeadline } from "../src/options.ts";
import { processesOf, readBundle, stage } from "./fixtures.ts";
import { command, type Job, shell } from "./scripted-daemon.ts";

const long: Job = { exec: { commands: [shell("sleep 60 & sleep 60")] } };
const settled = ({ daemon }: ReturnType<typeof stage>, exec_id: string) =>
  daemon.until(() => daemon.reportOf(exec_id) !== undefined);

test("a lost lease ends the process group and what it started in the background", async () => {
  const scene = stage({ lease_ms: 600 });
  scene.daemon.fate = ({ name }) => (name === "heartbeat" ? "deaf" : "answer");
  const [grant] = scene.daemon.queue(long);
  const { exec_id } = grant!;
  await scene.daemon.until(() => processesOf(exec_id).length >= 2);
  await settled(scene, exec_id);
  expect(processesOf(exec_id)).toEqual([]);
  const manifest = scene.daemon.manifestOf(exec_id);
  expect(manifest).toMatchObject({ result: "failed", reason: "lease_lost" });
  expect(manifest.commands[0]!.signalled).toMatchObject([{ signal: "SIGTERM" }]);
  expect(readBundle(scene.state, manifest).manifest()).toEqual(manifest);
});

test.each([600, 6_000, 30_000, 600_000])("of a lease of %d ms the agent leaves a margin", (lease_ms) => {
  const deadline = leaseDeadline(1_000, lease_ms);
  expect(deadline).toBeLessThan(1_000 + lease_ms);
  expect(deadline).toBeGreaterThanOrEqual(1_000 + lease_ms * (5 / 6));
});

test("a lease that is renewed lets a command run on for as long as it takes", async () => {
  const scene = stage({ lease_ms: 3_000 });
  const [grant] = scene.daemon.queue({ exec: { commands: [command(["sleep", "4"])] } });
  await settled(scene, grant!.exec_id);
  expect(scene.daemon.manifestOf(grant!.exec_id).result).toBe("succeeded");
  const beats = scene.daemon.requests.filter(({ name }) => name === "heartbeat");
  expect(beats.length).toBeGreaterThanOrEqual(3);
  expect((beats[0]!.body as HeartbeatBody).execs).toEqual([
    { run_id: grant!.run_id, stage_id: "stage", exec_id: grant!.exec_id, fence: 1 },
  ]);
});

test("heartbeats that fail for a while are made up for before the lease is over", async () => {
  const scene = stage({ lease_ms: 3_000 });
  let beats = 0;
  scene.daemon.fate = ({ name }) => (name === "heartbeat" && beats++ < 3 ? "deaf" : "answer");
  const [grant] = scene.daemon.queue({ exec: { commands: [command(["sleep", "3.5"])] } });
  await settled(scene, grant!.exec_id);
  expect(scene.daemon.manifestOf(grant!.exec_id).result).toBe("succeeded");
});

test("a cancel reaches a running command at once and ends it", async () => {
  const scene = stage();
  const [grant] = scene.daemon.queue(long);
  const { exec_id } = grant!;
  await scene.daemon.until(() => scene.daemon.requests.some(({ name }) => name === "heartbeat"));
  scene.daemon.cancel.add(exec_id);
  scene.daemon.queue();
  await settled(scene, exec_id);
  expect(scene.daemon.manifestOf(exec_id)).toMatchObject({ result: "cancelled", reason: "cancelled" });
  expect(processesOf(exec_id)).toEqual([]);
});

test("a cancel finds an exec that was taken after the heartbeat was parked", async () => {
  const scene = stage({ options: { slots: 2 } });
  const [first] = scene.daemon.queue(long);
  await scene.daemon.until(() => scene.daemon.requests.some(({ name }) => name === "heartbeat"));
  const [second] = scene.daemon.queue(long);
  scene.daemon.cancel.add(second!.exec_id);
  await settled(scene, second!.exec_id);
  expect(scene.daemon.manifestOf(second!.exec_id).result).toBe("cancelled");
  expect(processesOf(first!.exec_id).length).toBeGreaterThan(0);
});

test("an exec that the daemon calls lost is ended and cannot succeed", async () => {
  const scene = stage();
  const [grant] = scene.daemon.queue({
    exec: { commands: [shell("trap 'exit 0' TERM; while :; do sleep 0.02; done")] },
  });
  const { exec_id } = grant!;
  await scene.daemon.until(() => processesOf(exec_id).length > 0);
  scene.daemon.lost.add(exec_id);
  await settled(scene, exec_id);
  const manifest = scene.daemon.manifestOf(exec_id);
  expect(manifest.commands[0]!.exit).toEqual({ code: 0, signal: null });
  expect(manifest).toMatchObject({ result: "failed", reason: "lease_lost" });
});

test("an agent that was stopped past its lease does not succeed, although its timer is late", async () => {
  let asleep_ms = 0;
  const scene = stage({
    lease_ms: 30_000,
    ports: ({ clock }) => ({ clock: { ...clock, now: () => clock.now() + asleep_ms } }),
  });
  const [grant] = scene.daemon.queue({ exec: { commands: [shell("while [ ! -e go ]; do sleep 0.02; done")] } });
  const { exec_id } = grant!;
  await scene.daemon.until(() => processesOf(exec_id).length > 0);
  asleep_ms = 60_000;
  writeFileSync(`${scene.workspace}/go`, "");
  await settled(scene, exec_id);
  const manifest = scene.daemon.manifestOf(exec_id);
  expect(manifest.commands[0]!.exit).toEqual({ code: 0, signal: null });
  expect(manifest).toMatchObject({ result: "failed", reason: "lease_lost" });
});

test("a grant whose lease is over when it arrives is handed back", async () => {
  let late_ms = 0;
  const scene = stage({
    lease_ms: 1_000,
    ports: ({ clock }) => ({ clock: { ...clock, now: () => clock.now() + late_ms } }),
  });
  await scene.daemon.until(() => scene.daemon.requests.length === 1);
  late_ms = 2_000;
  const [grant] = scene.daemon.queue({});
  await settled(scene, grant!.exec_id);
  expect(scene.daemon.reportOf(grant!.exec_id)).toEqual({ kind: "handed_back" });
});
