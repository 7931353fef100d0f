import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
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

test("a shell script of the workspace is a shell, unless the command asks for one", async () => {
  const script =
    (first: string) =>
    ({ workspace }: Place) =>
      executable(join(workspace, "run"), `${first}\nexit 0\n`);
  for (const first of ["#!/bin/sh", "#!  \t/bin/sh\t-e", "#!/usr/bin/env bash", "#!/usr/bin/env -S bash -e"]) {
    const denied = await judge(exec(command(["./run"])), script(first));
    expect([first, denied.reason]).toEqual([first, "denied"]);
    expect(denied.message).toContain("set `allow_shell: true`");
  }
  const asked = exec(command(["./run"], { allow_shell: true }));
  expect(await judge(asked, script("#!/bin/sh"))).toMatchObject({ result: "succeeded" });
});

test("a script is what its interpreter's interpreter makes of it, up to five", async () => {
  const chain =
    (length: number, last: string) =>
    ({ workspace }: Place) => {
      for (let i = 0; i < length; i++) {
        const next = i + 1 === length ? last : join(workspace, `i${i + 1}`);
        executable(join(workspace, `i${i}`), `#!${next}\n`);
      }
    };
  expect(await judge(exec(command(["./i0"])), chain(2, "/bin/sh"))).toMatchObject({ reason: "denied" });
  expect(await judge(exec(command(["./i0"])), chain(2, "/bin/true"))).toMatchObject({ result: "succeeded" });
  const deep = await judge(exec(command(["./i0"])), chain(7, "/bin/true"));
  expect(deep.message).toContain("more than 5 interpreters");
});

test.each([
  ["a byte order mark before its first line", "\ufeff#!/usr/bin/env node\n", "byte order mark"],
  ["a carriage return in its first line", "#!/usr/bin/env node\r\n", "carriage return"],
  ["nothing in it", "", "it is empty"],
  ["a first line longer than the kernel reads", `#!${"/".repeat(300)}bin/sh\n`, "longer than the kernel reads"],
  ["an interpreter with a relative path", "#!bin/sh\n", "no absolute path"],
])("a file with %s is no program", async (_what, text, why) => {
  const manifest = await judge(exec(command(["./x"])), ({ workspace }) => executable(join(workspace, "x"), text));
  expect(manifest).toMatchObject({ result: "failed", reason: "denied" });
  expect(manifest.message).toContain(why);
});

test("a copy of a shell under another name is a shell", async () => {
  const manifest = await judge(exec(command(["./node", "-c", "exit 0"])), ({ workspace }) =>
    copyFileSync("/bin/sh", join(workspace, "node")),
  );
  expect(manifest).toMatchObject({ reason: "denied" });
  expect(manifest.commands[0]!.verdict.findings).toMatchObject([{ rule: "shell" }]);
});

test("a program of the workspace that acts as another user is refused", async () => {
  const manifest = await judge(exec(command(["./true"])), ({ workspace }) => {
    copyFileSync("/bin/true", join(workspace, "true"));
    chmodSync(join(workspace, "true"), 0o4755);
  });
  expect(manifest).toMatchObject({ reason: "denied" });
  expect(manifest.commands[0]!.verdict.findings).toMatchObject([{ rule: "program-setid" }]);
});

test("a shell script that is installed runs as any program does", async () => {
  const place = makePlace();
  const elsewhere = makePlace();
  executable(join(elsewhere.workspace, "tool"), "#!/bin/sh\nexit 0\n");
  const { daemon } = stage({ place });
  const [grant] = daemon.queue(exec(command([join(elsewhere.workspace, "tool")])));
  await daemon.until(() => daemon.completions.length === 1);
  expect(daemon.manifestOf(grant!.exec_id)).toMatchObject({ result: "succeeded" });
});

test("no command works in the directories of git and of ours", async () => {
  const manifest = await judge(exec(command(["true"], { cwd: "link" })), ({ workspace }) => {
    mkdirSync(join(workspace, ".git", "hooks"), { recursive: true });
    symlinkSync(".git/hooks", join(workspace, "link"));
  });
  expect(manifest).toMatchObject({ reason: "denied" });
  expect(manifest.message).toContain("`.git`");
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
  const manifest = await judge(
    exec(command(["mine"], { env: { PATH: "::bin:." }, allow_shell: true })),
    ({ workspace }) => {
      executable(join(workspace, "mine"), "#!/usr/bin/env node\n");
    },
  );
  expect(manifest).toMatchObject({ reason: "spawn_failed" });
});

test("the PATH that the spec sets is the one that is searched", async () => {
  const place = makePlace();
  const tools = join(place.workspace, "tools");
  mkdirSync(tools);
  symlinkSync("/bin/true", join(tools, "mine"));
  const { daemon } = stage({ place });
  const [grant] = daemon.queue(exec(command(["mine"], { env: { PATH: tools }, allow_shell: true })));
  await daemon.until(() => daemon.completions.length === 1);
  expect(daemon.manifestOf(grant!.exec_id)).toMatchObject({ result: "succeeded" });
});

test("a grant whose ids are no ids is not touched", async () => {
  const { daemon, log } = stage();
  daemon.queue({ stage_id: "../../../escaped" });
  await daemon.until(() => log.some((line) => line.includes('"grant_refused"')));
  expect(daemon.completions).toEqual([]);
});
