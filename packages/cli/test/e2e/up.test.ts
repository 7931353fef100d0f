import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processStart } from "orchestrator-daemon/state";
import { expect, test } from "vitest";
import { repository } from "../fixtures.ts";
import { command, start, withState } from "./command.ts";

const LISTEN = ["--listen", "127.0.0.1:0"];
const daemonPid = (state: string): number =>
  (JSON.parse(readFileSync(join(state, "daemon.json"), "utf8")) as { pid: number }).pid;

test("with `up` running, run only submits and watches, --detach prints the id, and stop ends all", async () => {
  await withState(async (state) => {
    const up = start(state, ["up", ...LISTEN, "--slots", "2"]);
    await up.says("1 agent with 2 slots");
    const ran = await command(state, "run", "examples/hello.yaml");
    expect(ran.code, ran.err).toBe(0);

    const detached = await command(state, "run", "examples/gate.yaml", "--detach");
    expect(detached.out).toMatch(/^[0-9A-Z]{26}\n$/);
    const run_id = detached.out.trim();
    expect((await command(state, "run", "--continue", run_id)).code).toBe(4);
    expect((await command(state, "approve", run_id)).err).toBe("");
    expect((await command(state, "run", "--continue", run_id)).code).toBe(0);

    expect((await command(state, "up", ...LISTEN)).code).toBe(6);
    const stopped = await command(state, "stop");
    expect(stopped.code, stopped.err).toBe(0);
    expect(stopped.out).toContain("and `orchestrator up`\n");
    // gone already, not about to go
    expect(processStart(up.child.pid!)).toBeNull();
    expect((await up.ended).code, up.written.err).toBe(0);
    expect((await command(state, "stop")).code).toBe(7);
  });
});

test("`up` brings a killed daemon back, and a run that was being watched comes to its end", async () => {
  await withState(async (state) => {
    const up = start(state, ["up", ...LISTEN]);
    await up.says("1 agent with");
    const running = start(state, ["run", "examples/retry.yaml"]);
    await running.says(/flaky +(queued|running)/);
    process.kill(daemonPid(state), "SIGKILL");
    await up.says("starts again");
    const { code, err } = await running.ended;
    expect(code, err).toBe(0);
    up.child.kill("SIGTERM");
    expect((await up.ended).code).toBe(0);
  });
});

test("`up` waits for a command that has the state directory for a moment, and commands wait for `up`", async () => {
  await withState(async (state) => {
    const holder = await holdState(state);
    const up = start(state, ["up", ...LISTEN]);
    await up.says(`another command (process ${holder.pid}) has the state directory open for a moment`);
    holder.stdin!.end();
    await up.says("1 agent with");

    process.kill(daemonPid(state), "SIGKILL");
    const listed = await command(state, "ls");
    expect(listed.code, listed.err).toBe(0);
    expect((JSON.parse(readFileSync(join(state, "daemon.json"), "utf8")) as { owner: string }).owner).toBe("up");
    expect((await command(state, "stop")).code).toBe(0);
    expect((await up.ended).code, up.written.err).toBe(0);
  });
});

/** A process that has the state directory as a short command has it, until its stdin ends. */
async function holdState(state: string): Promise<ChildProcess> {
  const daemon = join(repository, "packages", "daemon", "dist", "index.js");
  const options = { state, workspace_roots: [repository], owner: "command", log: null };
  const code = `
    const { openDaemon } = await import(${JSON.stringify(daemon)});
    const daemon = await openDaemon(${JSON.stringify(options)});
    console.log("open");
    for await (const _ of process.stdin);
    await daemon.close();
    process.exit();`;
  const holder = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["pipe", "pipe", "inherit"] });
  await once(holder.stdout, "data");
  return holder;
}

test("a daemon that cannot start is not started again and again", async () => {
  await withState(async (state) => {
    const { code, err } = await command(state, "up", "--listen", "0.0.0.0:0");
    expect(code).toBe(2);
    expect(err).toContain("--tls-cert");
  });
});

test("leasing is frozen and thawed, everybody is told, and the audit log holds it all", async () => {
  await withState(async (state) => {
    const up = start(state, ["up", ...LISTEN]);
    await up.says("1 agent with");
    expect((await command(state, "freeze", "--note", "not today")).out).toMatch(/^leasing is frozen by operator since/);
    process.kill(daemonPid(state), "SIGKILL");
    await up.says("starts again");
    let submitted = await command(state, "run", "examples/hello.yaml", "--detach");
    while (submitted.code === 7) submitted = await command(state, "run", "examples/hello.yaml", "--detach");
    const run_id = submitted.out.trim();
    for (const words of [["ls"], ["show", run_id]])
      expect((await command(state, ...words)).err).toContain("leasing is frozen by operator since");
    expect((await command(state, "unfreeze")).out).toBe("leasing goes on\n");
    expect((await command(state, "run", "--continue", run_id)).code).toBe(0);
    expect((await command(state, "ls")).err).not.toContain("frozen");

    const verified = await command(state, "audit", "verify");
    expect(verified.code, verified.err).toBe(0);
    expect(verified.out).toMatch(/^intact: [0-9]+ entries\nhead [0-9]+:[0-9a-f]{64}\n$/);
    expect((await command(state, "audit", "verify", "--head", `1:${"0".repeat(64)}`)).code).toBe(9);
    expect((await command(state, "stop")).code).toBe(0);
    expect((await up.ended).code, up.written.err).toBe(0);

    const file = join(state, "audit", "000000000001.jsonl");
    writeFileSync(file, readFileSync(file, "utf8").replace("not today", "any day").replace('"freeze"', '"unfreeze"'));
    const changed = await command(state, "audit", "verify");
    expect([changed.code, changed.out]).toEqual([9, expect.stringMatching(/000000000001.jsonl:2: this line/)]);
  });
});
