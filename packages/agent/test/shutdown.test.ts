import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { heldBy, processesOf, readBundle, stage } from "./fixtures.ts";
import { command, type Job, shell } from "./scripted-daemon.ts";

const sleep: Job = { exec: { commands: [command(["sleep", "60"])] } };
const untilFile: Job = { exec: { commands: [shell("while [ ! -e go ]; do sleep 0.02; done")] } };

test("an idle agent ends at once", async () => {
  const { agent } = stage();
  agent.stop();
  expect(await agent.ended).toBe(0);
});

test("a stopping agent lets what runs come to its end, reports it, and takes nothing more", async () => {
  const { agent, daemon, workspace, state } = stage({ options: { drain_ms: 60_000 } });
  const [grant] = daemon.queue(untilFile);
  await daemon.until(() => processesOf(grant!.exec_id).length > 0);
  agent.stop();
  const [late] = daemon.queue({});
  writeFileSync(join(workspace, "go"), "");
  expect(await agent.ended).toBe(0);
  expect(daemon.manifestOf(grant!.exec_id).result).toBe("succeeded");
  expect(heldBy(state, "local-1")).toEqual([]);
  const asked = daemon.requests.filter(({ name }) => name === "complete");
  expect(asked.every(({ body }) => !("claim" in body))).toBe(true);
  expect(daemon.reportOf(late!.exec_id)?.kind).not.toBe("manifest");
});

test("what runs on after the drain is given up: ended, sealed as incomplete, reported as lost", async () => {
  const { agent, daemon, state } = stage({ options: { drain_ms: 50 } });
  const [grant] = daemon.queue(sleep);
  await daemon.until(() => processesOf(grant!.exec_id).length > 0);
  agent.stop();
  expect(await agent.ended).toBe(0);
  expect(daemon.reportOf(grant!.exec_id)).toEqual({ kind: "lost" });
  expect(processesOf(grant!.exec_id)).toEqual([]);
  const { path } = readBundle(state, grant!);
  expect(existsSync(path)).toBe(false);
  expect(existsSync(join(`${path}.incomplete`, "incomplete.json"))).toBe(true);
});

test("a cancel that came before the stop still counts as a cancel", async () => {
  const { agent, daemon } = stage({ options: { drain_ms: 60_000 } });
  const [grant] = daemon.queue(sleep);
  await daemon.until(() => daemon.requests.some(({ name }) => name === "heartbeat"));
  agent.stop();
  daemon.cancel.add(grant!.exec_id);
  daemon.queue();
  expect(await agent.ended).toBe(0);
  expect(daemon.manifestOf(grant!.exec_id)).toMatchObject({ result: "cancelled", reason: "cancelled" });
});

test("a second stop ends everything at once, without grace and without an answer", async () => {
  const { agent, daemon, state } = stage({ options: { drain_ms: 60_000, grace_ms: 60_000 } });
  const [grant] = daemon.queue({ exec: { commands: [shell("trap '' TERM; while :; do sleep 0.02; done")] } });
  await daemon.until(() => processesOf(grant!.exec_id).length > 0);
  daemon.fate = () => "deaf";
  agent.stop();
  agent.stop();
  expect(await agent.ended).toBe(130);
  expect(processesOf(grant!.exec_id)).toEqual([]);
  // left for the next agent, which will report it
  expect(heldBy(state, "local-1")).toEqual([grant!.exec_id]);
});

test("an agent whose parent is gone finishes and reports what it runs, and ends", async () => {
  const { agent, daemon, workspace } = stage();
  const [grant] = daemon.queue(untilFile);
  await daemon.until(() => processesOf(grant!.exec_id).length > 0);
  agent.parentGone();
  writeFileSync(join(workspace, "go"), "");
  expect(await agent.ended).toBe(0);
  expect(daemon.manifestOf(grant!.exec_id).result).toBe("succeeded");
});

test("a job that is granted to an agent while its parent goes is handed back, and no lease has to run out", async () => {
  const { agent, daemon } = stage();
  await daemon.until(() => daemon.requests.length > 0);
  const [grant] = daemon.queue(sleep);
  agent.parentGone();
  expect(await agent.ended).toBe(0);
  expect(daemon.reportOf(grant!.exec_id)).toEqual({ kind: "handed_back" });
});

test("an agent whose parent and daemon are gone ends when its leases have, and leaves its report behind", async () => {
  const { agent, daemon, state } = stage({ lease_ms: 700 });
  const [grant] = daemon.queue(sleep);
  await daemon.until(() => processesOf(grant!.exec_id).length > 0);
  daemon.fate = () => "deaf";
  agent.parentGone();
  expect(await agent.ended).toBe(0);
  expect(processesOf(grant!.exec_id)).toEqual([]);
  expect(readBundle(state, grant!).manifest()).toMatchObject({ result: "failed", reason: "lease_lost" });
  expect(heldBy(state, "local-1")).toEqual([grant!.exec_id]);
});
