import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bundlePath, canonicalJson } from "orchestrator-core";
import { processesOf, readBundle, stage } from "../fixtures.ts";
import { command, type Job, shell } from "../scripted-daemon.ts";

/** Runs one job to its report. */
async function run(job: Job, given: Parameters<typeof stage>[0] = {}) {
  const scene = stage(given);
  const [grant] = scene.daemon.queue(job);
  const { exec_id } = grant!;
  await scene.daemon.until(() => scene.daemon.reportOf(exec_id) !== undefined);
  return { ...scene, grant: grant!, exec_id, report: scene.daemon.reportOf(exec_id)! };
}

const exec = (...commands: ReturnType<typeof command>[]): Job => ({ exec: { commands } });

test("a bundle holds what its manifest says, byte for byte, and cannot be written to", async () => {
  const { daemon, exec_id, state, report } = await run(
    exec(shell("echo out; echo err >&2"), command(["printf", "%s", "second"])),
  );
  const manifest = daemon.manifestOf(exec_id);
  const bundle = readBundle(state, manifest);
  expect(manifest).toMatchObject({ result: "succeeded", reason: null, message: "" });
  expect(report).toEqual({ kind: "manifest", manifest: bundle.read("manifest.json") });
  expect(bundle.read("manifest.json")).toBe(canonicalJson(manifest));
  expect(readdirSync(bundle.path).sort()).toEqual(["manifest.json", ...manifest.files.map(({ name }) => name)].sort());
  for (const { name, size, sha256 } of manifest.files) {
    const bytes = readFileSync(join(bundle.path, name));
    expect([name, bytes.length]).toEqual([name, size]);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
  }
  expect(bundle.read("cmd-000.stdout.log")).toBe("out\n");
  expect(bundle.read("cmd-000.stderr.log")).toBe("err\n");
  expect(bundle.read("cmd-001.stdout.log")).toBe("second");
  expect(statSync(bundle.path).mode & 0o777).toBe(0o555);
  for (const name of readdirSync(bundle.path)) expect(statSync(join(bundle.path, name)).mode & 0o777).toBe(0o444);
});

test("the record of a command names the file that ran, with its hash", async () => {
  const { daemon, exec_id } = await run(exec(command(["true"])));
  const [ran] = daemon.manifestOf(exec_id).commands;
  const bytes = readFileSync(ran!.program!.realpath);
  expect(ran).toMatchObject({ exit: { code: 0, signal: null }, reason: null, survivors: 0, signalled: [] });
  expect(ran!.program).toMatchObject({
    format: "elf",
    interpreter: null,
    size: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  });
});

test("the first failed command ends the stage, and the next ones never start", async () => {
  const { daemon, exec_id } = await run(exec(shell("exit 3"), command(["true"])));
  const manifest = daemon.manifestOf(exec_id);
  expect(manifest).toMatchObject({
    result: "failed",
    reason: "exit_non_zero",
    message: "command 0 `/bin/sh`: exited with 3",
  });
  expect(manifest.commands.map(({ exit, stdout }) => [exit, stdout])).toEqual([
    [{ code: 3, signal: null }, "cmd-000.stdout.log"],
    [null, null],
  ]);
});

test("a command that may fail lets the next one run", async () => {
  const { daemon, exec_id } = await run(exec(shell("exit 3", { allow_failure: true }), command(["true"])));
  const manifest = daemon.manifestOf(exec_id);
  expect(manifest.result).toBe("succeeded");
  expect(manifest.commands.map(({ exit, reason }) => [exit?.code, reason])).toEqual([
    [3, "exit_non_zero"],
    [0, null],
  ]);
});

test("a program that is not there fails the stage even where failure is allowed: nothing ran", async () => {
  const { daemon, exec_id } = await run(exec(command(["no-such-program"], { allow_failure: true }), command(["true"])));
  const manifest = daemon.manifestOf(exec_id);
  expect(manifest).toMatchObject({ result: "failed", reason: "spawn_failed" });
  expect(manifest.message).toContain("no program `no-such-program` in PATH");
});

test("a command ended by a signal of its own says so", async () => {
  const { daemon, exec_id } = await run(exec(shell("kill -9 $$")));
  const manifest = daemon.manifestOf(exec_id);
  expect(manifest).toMatchObject({ result: "failed", reason: "signal" });
  expect(manifest.commands[0]!.exit).toEqual({ code: null, signal: "SIGKILL" });
});

test("commands see an allow-list of the agent's environment, what the spec sets, and nothing else", async () => {
  const { daemon, exec_id, state, workspace, grant } = await run(exec(command(["env"], { env: { MINE: "1" } })));
  const manifest = daemon.manifestOf(exec_id);
  const lines = readBundle(state, manifest).read("cmd-000.stdout.log").trim().split("\n");
  const seen = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  expect(Object.keys(seen).sort()).toEqual(manifest.commands[0]!.env_names);
  expect(seen).toMatchObject({
    HOME: workspace,
    MINE: "1",
    ORCHESTRATOR_EXEC_ID: exec_id,
    ORCHESTRATOR_RUN_ID: grant.run_id,
    ORCHESTRATOR_STAGE_ID: "stage",
    ORCHESTRATOR_WORKSPACE: workspace,
  });
  expect(seen).not.toHaveProperty("SECRET_OF_THE_AGENT");
  expect(JSON.stringify(seen)).not.toContain("secret-of-the-agent");
});

test("outputs go into manifest and report, and the scratch is removed", async () => {
  const script = "printf 'a=1\\nb=x=y z\\n' >> $ORCHESTRATOR_OUTPUT; dirname $ORCHESTRATOR_OUTPUT";
  const { daemon, exec_id, state } = await run(exec(shell(script), shell("echo a=2 >> $ORCHESTRATOR_OUTPUT")));
  const manifest = daemon.manifestOf(exec_id);
  expect(manifest.outputs).toEqual({ a: "2", b: "x=y z" });
  const scratch = readBundle(state, manifest).read("cmd-000.stdout.log").trim();
  expect(scratch.startsWith(join(state, "agents", "local-1", "scratch"))).toBe(true);
  await daemon.until(() => readdirSync(join(state, "agents", "local-1", "scratch")).length === 0);
});

test.each([
  ["echo no equals sign", 'line 1 of ORCHESTRATOR_OUTPUT is not `name=value`: "no equals sign"'],
  ["printf 'a=1\\n9b=2\\n'", 'line 2 of ORCHESTRATOR_OUTPUT is not `name=value`: "9b=2"'],
  ["head -c 70000 /dev/zero | tr '\\0' a", "ORCHESTRATOR_OUTPUT holds more than 65536 bytes"],
  ["printf 'a=\\377\\n'", "ORCHESTRATOR_OUTPUT is not UTF-8"],
])("outputs of another form fail the stage: %s", async (script, message) => {
  const { daemon, exec_id } = await run(exec(shell(`${script} >> $ORCHESTRATOR_OUTPUT`)));
  expect(daemon.manifestOf(exec_id)).toMatchObject({
    result: "failed",
    reason: "output_invalid",
    message,
    outputs: {},
  });
});

test("a stage reads what it requires from a file", async () => {
  const required = {
    stage_id: "build",
    exec_id: "01KAV9FT0000000000004Q2000",
    manifest_sha256: "1".repeat(64),
    outputs: { version: "7" },
    bundle: bundlePath("01KAV9FT0000000000004Q2001", "build", "01KAV9FT0000000000004Q2000"),
  };
  const { daemon, exec_id, state } = await run({
    ...exec(shell("cat $ORCHESTRATOR_REQUIRES")),
    requires: [required],
  });
  const manifest = daemon.manifestOf(exec_id);
  expect(JSON.parse(readBundle(state, manifest).read("cmd-000.stdout.log"))).toEqual({
    build: { exec_id: required.exec_id, outputs: { version: "7" }, bundle: join(state, required.bundle) },
  });
  expect(manifest.requires).toEqual([
    { stage_id: "build", exec_id: required.exec_id, manifest_sha256: required.manifest_sha256 },
  ]);
});

test("a command that runs over its time is ended, and the manifest says which signal did it", async () => {
  const { daemon, exec_id } = await run(exec(command(["sleep", "60"], { timeout_ms: 50 })));
  const manifest = daemon.manifestOf(exec_id);
  expect(manifest).toMatchObject({ result: "failed", reason: "timeout" });
  const [ran] = manifest.commands;
  expect(ran).toMatchObject({ exit: { code: null, signal: "SIGTERM" }, reason: "timeout", survivors: 0 });
  expect(ran!.signalled.map(({ signal }) => signal)).toEqual(["SIGTERM"]);
});

test("a command that may fail may also run over its time", async () => {
  const slow = command(["sleep", "60"], { timeout_ms: 50, allow_failure: true });
  const { daemon, exec_id } = await run(exec(slow, command(["true"])));
  expect(daemon.manifestOf(exec_id).result).toBe("succeeded");
});

test("the stage's timeout bounds all commands together, and no failure is allowed to it", async () => {
  const slow = command(["sleep", "60"], { allow_failure: true });
  const { daemon, exec_id } = await run({ exec: { commands: [slow, command(["true"])], timeout_ms: 50 } });
  const manifest = daemon.manifestOf(exec_id);
  expect(manifest).toMatchObject({ result: "failed", reason: "timeout" });
  expect(manifest.commands[1]!.exit).toBeNull();
});

test("a command that ignores SIGTERM is killed", async () => {
  const { daemon, exec_id } = await run(exec(shell("trap '' TERM; while :; do sleep 0.05; done", { timeout_ms: 200 })));
  const [ran] = daemon.manifestOf(exec_id).commands;
  expect(ran!.signalled.map(({ signal }) => signal)).toEqual(["SIGTERM", "SIGKILL"]);
  expect(ran).toMatchObject({ exit: { code: null, signal: "SIGKILL" }, survivors: 0 });
  expect(processesOf(exec_id)).toEqual([]);
});

test("what a command leaves behind in its group is ended with it, and recorded", async () => {
  const { daemon, exec_id } = await run(exec(shell("sleep 60 & sleep 60 & exit 0")));
  const manifest = daemon.manifestOf(exec_id);
  expect(manifest.result).toBe("succeeded");
  const [ran] = manifest.commands;
  expect(ran).toMatchObject({ exit: { code: 0, signal: null }, survivors: 0 });
  expect(ran!.signalled).toMatchObject([{ signal: "SIGTERM", why: "left behind by a command that ended" }]);
  expect(processesOf(exec_id)).toEqual([]);
});

test("a command that writes nothing for its idle timeout is ended; one that writes now and then is not", async () => {
  const lively = shell("for i in 1 2 3 4 5 6; do sleep 0.1; echo $i >&2; done", { idle_timeout_ms: 500 });
  const { daemon, exec_id } = await run(exec(lively, shell("echo once; exec sleep 60", { idle_timeout_ms: 300 })));
  const manifest = daemon.manifestOf(exec_id);
  expect(manifest).toMatchObject({ result: "failed", reason: "idle_timeout" });
  expect(manifest.message).toContain("wrote nothing for 300 ms");
  const [first, second] = manifest.commands;
  expect(first).toMatchObject({ exit: { code: 0 }, reason: null, idle_timeout_ms: 500 });
  expect(second).toMatchObject({ exit: { signal: "SIGTERM" }, reason: "idle_timeout", survivors: 0 });
  expect(second!.duration_ms).toBeGreaterThanOrEqual(300);
});

test("a command is asked to end by the signal that it wants, and has the grace that it wants", async () => {
  const stop = { signal: "SIGINT", grace_ms: 60_000 } as const;
  const tidy = shell("trap 'sleep 0.3; echo tidy; exit 0' INT; while :; do sleep 0.02; done", {
    timeout_ms: 200,
    stop,
  });
  const { daemon, exec_id, state } = await run(exec(tidy), { options: { grace_ms: 50 } });
  const manifest = daemon.manifestOf(exec_id);
  expect(manifest).toMatchObject({ result: "failed", reason: "timeout" });
  const [ran] = manifest.commands;
  expect(ran).toMatchObject({ exit: { code: 0, signal: null }, stop, survivors: 0 });
  expect([...new Set(ran!.signalled.map(({ signal }) => signal))]).toEqual(["SIGINT"]);
  expect(readBundle(state, manifest).read("cmd-000.stdout.log")).toBe("tidy\n");
});

test("a short grace is kept to, and what a command leaves behind never gets a longer one than the agent's", async () => {
  const stubborn = "trap '' TERM; echo $$; while :; do sleep 0.02; done";
  const short = shell(stubborn, { timeout_ms: 200, allow_failure: true, stop: { signal: "SIGTERM", grace_ms: 100 } });
  const first = await run(exec(short), { options: { grace_ms: 60_000 } });
  const [ran] = first.daemon.manifestOf(first.exec_id).commands;
  expect(ran!.signalled.map(({ signal }) => signal)).toEqual(["SIGTERM", "SIGKILL"]);

  const leaves = shell(`(${stubborn}) > left & while ! test -s left; do sleep 0.02; done`, {
    stop: { signal: "SIGTERM", grace_ms: 600_000 },
  });
  const second = await run(exec(leaves), { options: { grace_ms: 100 } });
  const [left] = second.daemon.manifestOf(second.exec_id).commands;
  expect(left).toMatchObject({ reason: null, survivors: 0 });
  expect(left!.signalled.map(({ signal }) => signal)).toEqual(["SIGTERM", "SIGKILL"]);
});

test("a timeout also finds what left the process group", async () => {
  const script = "setsid sleep 61 & setsid sleep 62 & sleep 63";
  const { daemon, exec_id } = await run(exec(shell(script, { timeout_ms: 300 })));
  const [ran] = daemon.manifestOf(exec_id).commands;
  expect(new Set(ran!.signalled.map(({ pgid }) => pgid)).size).toBe(3);
  expect(processesOf(exec_id)).toEqual([]);
});

test("a log of many pieces is hashed whole", async () => {
  const { daemon, exec_id, state } = await run(exec(command(["head", "-c", "5000000", "/dev/zero"])));
  const manifest = daemon.manifestOf(exec_id);
  const bytes = readFileSync(join(readBundle(state, manifest).path, "cmd-000.stdout.log"));
  expect(manifest.files[1]).toEqual({
    name: "cmd-000.stdout.log",
    size: 5_000_000,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  });
});

test.each(["mkdirs", "openNew", "write", "sync", "syncDirectory", "rename"] as const)(
  "a disk that is full at %s is no success: nothing is published",
  async (call) => {
    const full = (path: unknown): boolean => typeof path !== "string" || path.includes("/runs/");
    const { report, state, grant } = await run(exec(command(["true"])), {
      ports: ({ files }) => ({
        files: {
          ...files,
          [call]: (...args: unknown[]) => {
            if (full(args[0])) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
            return (files[call] as (...args: unknown[]) => unknown)(...args);
          },
        },
      }),
    });
    expect(report).toEqual({ kind: "no_bundle", message: "ENOSPC: no space left on device" });
    expect(() => statSync(readBundle(state, grant).path)).toThrow("ENOENT");
  },
);

test("a bundle whose rename could not be synced is reported as not recorded, and marked", async () => {
  const { report, state, grant } = await run(exec(command(["true"])), {
    ports: ({ files }) => ({
      files: {
        ...files,
        syncDirectory(path, mode) {
          if (
            path.endsWith("/stage") &&
            files.exists(`${path}/${readdirSync(path)[0]}/manifest.json`) &&
            mode === null
          ) {
            failures++;
            if (failures === 1) throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
          }
          files.syncDirectory(path, mode);
        },
      },
    }),
  });
  expect(report).toEqual({ kind: "no_bundle", message: "EIO: i/o error" });
  expect(JSON.parse(readFileSync(`${readBundle(state, grant).path}.fenced.json`, "utf8"))).toMatchObject({
    code: "disk_error",
    message: "EIO: i/o error",
  });
});
let failures = 0;

test("a process that cannot be written down does not go on", async () => {
  const { report, exec_id } = await run(exec(command(["sleep", "60"])), {
    ports: ({ files }) => ({
      files: {
        ...files,
        append: () => {
          throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
        },
      },
    }),
  });
  expect(report).toMatchObject({ kind: "no_bundle" });
  expect(processesOf(exec_id)).toEqual([]);
});
