import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "orchestrator-core";
import { expect, test } from "vitest";
import { makePlace, type Place, readBundle, stage } from "../fixtures.ts";
import { command, grantOf, type Job, shell } from "../scripted-daemon.ts";

/** What the agent makes of one job in a workspace that the test prepares. */
async function judge(job: Job, prepare: (place: Place) => void = () => undefined) {
  const place = makePlace();
  prepare(place);
  const { daemon, state } = stage({ place });
  const [grant] = daemon.queue(job);
  await daemon.until(() => daemon.completions.length === 1);
  const manifest = daemon.manifestOf(grant!.exec_id);
  // whatever was refused is on record, and says so on disk as well
  expect(readBundle(state, manifest).manifest()).toEqual(manifest);
  return manifest;
}

const exec = (...commands: ReturnType<typeof command>[]): Job => ({ exec: { commands } });

const executable = (path: string, text: string): void => {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
};

test("an exec block with another digest than the grant says is not run", async () => {
  const manifest = await judge({ exec_digest: "f".repeat(64) });
  expect(manifest).toMatchObject({ result: "failed", reason: "digest_mismatch", exec_digest: "f".repeat(64) });
  expect(manifest.commands[0]).toMatchObject({ exit: null, started_at: null, stdout: null });
  expect(manifest.files).toEqual([]);
});

test("an agent with another policy than the daemon runs nothing", async () => {
  const manifest = await judge({ policy_digest: "e".repeat(64) });
  expect(manifest).toMatchObject({ result: "failed", reason: "digest_mismatch" });
  expect(manifest.message).toContain("policy");
});

test("a shell that is not asked for is denied, whatever the daemon granted", async () => {
  const manifest = await judge(exec(command(["env", "sh", "-c", "echo hi"])));
  expect(manifest).toMatchObject({ result: "failed", reason: "denied" });
  expect(manifest.commands[0]!.verdict).toMatchObject({ verdict: "deny", findings: [{ code: "shell-denied" }] });
});

test("what policy wants to be asked about runs with an approval of exactly this exec block, and not without", async () => {
  const block = grantOf(exec(shell("exit 0")), "/", 1).exec;
  const approval = (digest: string) => ({ digest, by: "operator", at: "2025-11-24T00:00:00.000Z" });
  const asked: Job = { role: "proposer", exec: block };
  expect(await judge(asked)).toMatchObject({ result: "failed", reason: "denied" });
  expect(await judge({ ...asked, approval: approval("d".repeat(64)) })).toMatchObject({ reason: "denied" });
  expect(await judge({ ...asked, approval: approval(digestOf(block)) })).toMatchObject({ result: "succeeded" });
});

test("a workspace that is not beneath a root of this agent is not worked in", async () => {
  const manifest = await judge({ workspace: "/usr" });
  expect(manifest).toMatchObject({ result: "failed", reason: "workspace_missing", workspace: "/usr" });
});

test("a link beneath the root that leads out of it is no workspace", async () => {
  const place = makePlace();
  symlinkSync("/usr", join(place.workspace, "out"));
  const { daemon } = stage({ place });
  const [grant] = daemon.queue({ workspace: join(place.workspace, "out") });
  await daemon.until(() => daemon.completions.length === 1);
  expect(daemon.manifestOf(grant!.exec_id).reason).toBe("workspace_missing");
});

test("a command's directory that is a link out of the workspace is denied", async () => {
  const manifest = await judge(exec(command(["true"], { cwd: "out" })), ({ workspace }) =>
    symlinkSync("/usr", join(workspace, "out")),
  );
  expect(manifest).toMatchObject({ result: "failed", reason: "denied" });
  expect(manifest.message).toContain("`out` is really /usr, outside the workspace");
});

test("a directory may be made by an earlier command", async () => {
  const manifest = await judge(exec(command(["mkdir", "made"]), command(["true"], { cwd: "made" })));
  expect(manifest.result).toBe("succeeded");
});

test("a missing directory is told apart from a missing program", async () => {
  const manifest = await judge(exec(command(["true"], { cwd: "nowhere" })));
  expect(manifest).toMatchObject({
    reason: "spawn_failed",
    message: "command 0 `true`: its directory `nowhere` does not exist",
  });
});

test("a file without a format of its own is refused, since only a shell would run it", async () => {
  const manifest = await judge(exec(command(["./plain"])), ({ workspace }) =>
    executable(join(workspace, "plain"), "echo started by a shell\n"),
  );
  expect(manifest).toMatchObject({ result: "failed", reason: "denied" });
  expect(manifest.commands[0]!.verdict.findings).toMatchObject([{ rule: "program-format", verdict: "deny" }]);
  expect(manifest.files).toEqual([]);
});

test("a script of the workspace runs, and its interpreter is recorded", async () => {
  const manifest = await judge(exec(command(["./build"])), ({ workspace }) =>
    executable(join(workspace, "build"), "#!/usr/bin/env node\nprocess.exit(0)\n"),
  );
  expect(manifest.result).toBe("succeeded");
  expect(manifest.commands[0]!.program).toMatchObject({ format: "script", interpreter: "/usr/bin/env node" });
});

test("a link to a shell is a shell, unless the command asks for one", async () => {
  const link = ({ workspace }: Place): void => symlinkSync("/bin/bash", join(workspace, "innocent"));
  const denied = await judge(exec(command(["./innocent", "-c", "exit 0"])), link);
  expect(denied).toMatchObject({ result: "failed", reason: "denied" });
  expect(denied.commands[0]!.verdict.verdict).toBe("deny");
  const asked = command(["./innocent", "-c", "exit 0"], { allow_shell: true });
  expect(await judge(exec(asked), link)).toMatchObject({ result: "succeeded" });
});

test("a link in the workspace to a program outside runs as found, as a venv needs it", async () => {
  const manifest = await judge(exec(command(["bin/t"])), ({ workspace }) => {
    mkdirSync(join(workspace, "bin"));
    symlinkSync("/bin/true", join(workspace, "bin", "t"));
  });
  expect(manifest.result).toBe("succeeded");
  expect(manifest.commands[0]!.program!.path).toBe(join(manifest.workspace, "bin", "t"));
});

test("a relative program behind a directory link out of the workspace is denied", async () => {
  const manifest = await judge(exec(command(["out/true"])), ({ workspace }) =>
    symlinkSync("/usr/bin", join(workspace, "out")),
  );
  expect(manifest).toMatchObject({ reason: "denied" });
  expect(manifest.commands[0]!.verdict.findings).toMatchObject([{ rule: "program-outside", code: "path-outside" }]);
});

test("relative and empty elements of PATH are passed over", async () => {
  const manifest = await judge(exec(command(["mine"], { env: { PATH: "::bin:." } })), ({ workspace }) => {
    executable(join(workspace, "mine"), "#!/usr/bin/env node\n");
  });
  expect(manifest).toMatchObject({ reason: "spawn_failed" });
});

test("the PATH that the spec sets is the one that is searched", async () => {
  const place = makePlace();
  const tools = join(place.workspace, "tools");
  mkdirSync(tools);
  symlinkSync("/bin/true", join(tools, "mine"));
  const { daemon } = stage({ place });
  const [grant] = daemon.queue(exec(command(["mine"], { env: { PATH: tools } })));
  await daemon.until(() => daemon.completions.length === 1);
  expect(daemon.manifestOf(grant!.exec_id)).toMatchObject({ result: "succeeded" });
});

test("a grant whose ids are no ids is not touched", async () => {
  const { daemon, log } = stage();
  daemon.queue({ stage_id: "../../../escaped" });
  await daemon.until(() => log.some((line) => line.includes('"grant_refused"')));
  expect(daemon.completions).toEqual([]);
});
