/** What the operating system keeps contained commands from, tried by commands that try to get out. */
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { type ExecBlock, type Manifest, noLimits } from "orchestrator-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { type AgentOptions, findSandbox, KEEPER, keptProcesses, type Ports, type User } from "../../src/index.ts";
import { contain } from "../../src/sandbox/profile.ts";
import { makePlace, type Place, readBundle, stage } from "../fixtures.ts";
import { sleepers, uniqueSleep, until } from "../real/trees.ts";
import { command, type Job, shell, ulid } from "../scripted-daemon.ts";

const isRoot = process.getuid!() === 0;
/** Root is no user to contain. */
const user: User | null = isRoot ? { uid: 65_534, gid: 65_534 } : null;
const kept = keptProcesses(KEEPER);
const wish = { driver: "auto", user, reads: [], workspace_roots: [], keeper: KEEPER } as const;
const found = kept === null ? null : await findSandbox(kept, wish);
const contained = found?.level === "contained" ? found : null;
if (contained === null) console.warn(`containment is not tested: ${found?.level === "none" ? found.why : "no keeper"}`);

interface Given {
  readonly exec?: Partial<ExecBlock>;
  readonly options?: Partial<AgentOptions>;
  readonly place?: Place;
  readonly job?: Partial<Omit<Job, "exec">>;
  readonly ports?: (real: Ports) => Partial<Ports>;
}

const sandboxed = { driver: "auto", found: found! } as const;

/** An agent that has a sandbox, with a command in it. */
function begin(argv: readonly string[], { exec = {}, options = {}, place = makePlace(), job = {}, ports }: Given = {}) {
  if (user !== null) chownSync(place.workspace, user.uid, user.gid);
  const more = ports === undefined ? {} : { ports };
  const scene = stage({ place, options: { sandbox: sandboxed, ...options }, ...more });
  const [grant] = scene.daemon.queue({ ...job, exec: { commands: [command([...argv])], ...exec } });
  return { ...scene, grant: grant! };
}

/** What becomes of it. */
async function run(argv: readonly string[], given: Given = {}) {
  const { daemon, state, grant, ...scene } = begin(argv, given);
  await daemon.until(() => daemon.reportOf(grant.exec_id) !== undefined);
  const manifest = daemon.manifestOf(grant.exec_id);
  const read = (stream: "stdout" | "stderr"): string => readBundle(state, manifest).read(`cmd-000.${stream}.log`);
  return { ...scene, state, manifest, ran: manifest.commands[0]!, read };
}

const failed = (manifest: Manifest): string => `${manifest.message} ${JSON.stringify(manifest.commands[0]?.exit)}`;

describe.skipIf(contained === null)("in a sandbox", () => {
  test("a command that tries everything gets nowhere", async () => {
    const place = makePlace();
    const outside = join(dirname(place.state), "outside");
    mkdirSync(outside, { mode: 0o777 });
    writeFileSync(join(outside, "secret"), "secret", { mode: 0o644 });
    copyFileSync(join(import.meta.dirname, "escapes.mjs"), join(place.workspace, "escapes.mjs"));
    const server = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const argv = ["node", "escapes.mjs", outside, String(port), String(process.pid)];
    const { manifest, read } = await run(argv, { place });
    expect(manifest.result, failed(manifest) + read("stderr")).toBe("succeeded");
    expect(manifest.sandbox).toEqual({
      level: "contained",
      why: "",
      network: false,
      uid: user?.uid ?? process.getuid!(),
    });
    const seen = JSON.parse(read("stdout")) as Record<string, string>;
    expect(seen).toEqual({
      "write the workspace": "done",
      "write outside": "ENOENT",
      "write through a link": "ENOENT",
      "read outside": "ENOENT",
      "write /usr": "EROFS",
      "write /etc": "EROFS",
      "write the root": "EROFS",
      "read /etc/shadow": "ENOENT",
      "list /root": "ENOENT",
      "list /home": "job",
      "list /run": "orchestrator-keeper",
      "list /var": "ENOENT",
      "list /sys": "ENOENT",
      "write /tmp": "done",
      "files in /tmp": "written",
      "write the home": "done",
      "write core_pattern": expect.stringMatching(/^(EACCES|EROFS|EPERM)$/),
      "speak for the first process": "EACCES",
      "write the first process": "EACCES",
      "read the first process's variables": "EACCES",
      "the first process's filter": "2",
      "write the keeper": expect.stringMatching(/^(EROFS|EACCES|ETXTBSY)$/),
      processes: "2",
      "signal the agent": "ESRCH",
      interfaces: "",
      "no new privileges": "1",
      seccomp: "2",
      capabilities: Array(5).fill("0000000000000000").join(),
      uid: String(user?.uid ?? process.getuid!()),
      "session of its own": "exit 0",
      "new user namespace": "exit 1",
      mount: expect.stringMatching(/^exit (1|32)$/),
      trace: expect.stringMatching(/^(exit 1|ENOENT)$/),
      chroot: expect.stringMatching(/^exit (1|125)$/),
      descriptors: "0,1,2,3",
      "host name": "job",
      "start a file without #!": expect.any(String),
      variables: expect.stringContaining("ORCHESTRATOR_OUTPUT"),
      "connect to the machine": "ECONNREFUSED",
      "listen on its own loopback": "done",
    });
    expect(existsSync(join(outside, "written"))).toBe(false);
    expect(readFileSync(join(place.workspace, "written"), "utf8")).toBe("x");
  });

  test.each([
    ["exit 7", { code: 7, signal: null }],
    ["kill -9 $$", { code: null, signal: "SIGKILL" }],
    ["kill -TERM $$", { code: null, signal: "SIGTERM" }],
    ["exit 143", { code: 143, signal: null }],
  ])("how `%s` ended is known exactly", async (script, exit) => {
    const { ran } = await run([], { exec: { commands: [shell(script)] } });
    expect(ran.exit).toEqual(exit);
    expect(ran.usage).toEqual({
      user_ms: expect.any(Number),
      system_ms: expect.any(Number),
      rss_kb_max: expect.any(Number),
    });
    expect(ran.survivors).toBe(0);
  });

  test("a command ends with its signal, has its grace, and what it left is ended with it", async () => {
    const seconds = uniqueSleep();
    const script = `trap 'echo asked; exit 3' TERM; setsid sleep ${seconds} & echo ready; while :; do sleep 0.01; done`;
    const { daemon, grant, state } = begin([], { exec: { commands: [shell(script)], timeout_ms: 400 } });
    await until(() => sleepers(seconds).length === 1);
    await daemon.until(() => daemon.reportOf(grant.exec_id) !== undefined);
    const manifest = daemon.manifestOf(grant.exec_id);
    expect(manifest).toMatchObject({ result: "failed", reason: "timeout" });
    expect(manifest.commands[0]).toMatchObject({ exit: { code: 3, signal: null }, survivors: 0 });
    expect(readBundle(state, manifest).read("cmd-000.stdout.log")).toBe("ready\nasked\n");
    expect(sleepers(seconds)).toEqual([]);
  });

  test("what a command leaves behind is ended", async () => {
    const seconds = uniqueSleep();
    const { manifest } = await run([], { exec: { commands: [shell(`setsid sleep ${seconds} & exit 0`)] } });
    expect(manifest, failed(manifest)).toMatchObject({ result: "succeeded", commands: [{ survivors: 0 }] });
    expect(sleepers(seconds)).toEqual([]);
  });

  test("a command that ignores everything is killed, with all that it started", async () => {
    const seconds = uniqueSleep();
    const script = `trap '' TERM; setsid sleep ${seconds} & while :; do sleep 0.01; done`;
    const { daemon, grant } = begin([], { exec: { commands: [shell(script)] } });
    await until(() => sleepers(seconds).length === 1);
    daemon.cancel.add(grant.exec_id);
    await daemon.until(() => daemon.reportOf(grant.exec_id) !== undefined);
    const { commands, result } = daemon.manifestOf(grant.exec_id);
    expect(result).toBe("cancelled");
    expect(commands[0]).toMatchObject({ exit: { code: null, signal: "SIGKILL" }, survivors: 0 });
    expect(sleepers(seconds)).toEqual([]);
  });

  test("it sees its own outputs and what its run has left, and nothing else of the state directory", async () => {
    const place = makePlace();
    const run_id = ulid();
    const bundle = `runs/${run_id}/before/${ulid()}`;
    for (const path of [`runs/${run_id}/before`, bundle])
      mkdirSync(join(place.state, path), { recursive: true, mode: 0o700 });
    writeFileSync(join(place.state, bundle, "cmd-000.stdout.log"), "of the stage before", { mode: 0o444 });
    chmodSync(join(place.state, bundle), 0o555);
    const before = { stage_id: "before", exec_id: ulid(), manifest_sha256: "0".repeat(64), outputs: {}, bundle };
    const script = `
      echo found=$(cat $(sed -n 's/.*"bundle": "\\(.*\\)".*/\\1/p' $ORCHESTRATOR_REQUIRES)/*.log) >> $ORCHESTRATOR_OUTPUT
      ls -A ${place.state} ; touch ${place.state}/${bundle}/x ; cat ${place.state}/tokens/agent`;
    const given = { place, job: { run_id, requires: [before] }, exec: { commands: [shell(script)] } };
    const { manifest, read } = await run([], given);
    expect(manifest.outputs).toEqual({ found: "of the stage before" });
    expect(read("stdout")).toBe("agents\nruns\n");
    expect(read("stderr")).toMatch(/touch: .*Read-only[^]*tokens\/agent: No such file/);
  });

  test("an output that is a link leads nowhere", async () => {
    const place = makePlace();
    writeFileSync(join(place.state, "secret"), "name=secret\n");
    const script = `rm $ORCHESTRATOR_OUTPUT; ln -s ${place.state}/secret $ORCHESTRATOR_OUTPUT`;
    const { manifest } = await run([], { place, exec: { commands: [shell(script)] } });
    expect(manifest).toMatchObject({ result: "failed", outputs: {} });
  });

  test("bubblewrap, which is not contained, sees nothing of the variables that a command is given", async () => {
    const { profile } = contained!;
    const { state, workspace } = makePlace();
    const outside = join(dirname(state), "outside");
    mkdirSync(outside);
    chmodSync(outside, 0o777);
    if (user !== null) chownSync(workspace, user.uid, user.gid);
    const fds = [workspace, workspace, workspace, KEEPER].map((path) => openSync(path, "r"));
    const [stdout, stderr] = ["stdout", "stderr"].map((name) => openSync(join(state, name), "ax+")) as [number, number];
    onTestFinished(() => [...fds, stdout, stderr].forEach((fd) => closeSync(fd)));
    const room = { path: workspace, fd: fds[0]! };
    const rooms = { workspace: room, scratch: room, run: room, keeper: fds[3]!, network: false, limits: "" };
    // the loader of each program that has them writes down what it does
    const env = { LD_DEBUG: "files", LD_DEBUG_OUTPUT: join(outside, "loaded"), PATH: "/usr/bin", EMPTY: "" };
    const start = { file: "/usr/bin/env", argv0: "env", args: [], cwd: workspace, env, stdout, stderr };
    const started = kept!.start(
      contain(profile, rooms, {
        ...start,
        mark: "ORCHESTRATOR_EXEC_ID=x",
        signal: "SIGTERM",
        lease_ms: 10_000,
        grace_ms: 0,
      }),
    );
    expect(await started.ended).toMatchObject({ started: true, exit: { code: 0 } });
    await started.end("it is over", () => 0);
    expect(readdirSync(outside)).toEqual([]);
    const lines = readFileSync(join(state, "stdout"), "utf8").split("\n");
    expect(lines.filter((line) => /^\S+=/.test(line))).toEqual(
      Object.entries(env).map(([name, value]) => `${name}=${value}`),
    );
  });

  test.each([
    ["state directory", () => ({})],
    ["directory of secrets", (shown: string) => ({ secrets: join(shown, "secrets") })],
    ["token", (shown: string) => ({ token_file: join(shown, "token") })],
  ])("a %s in a directory that all commands see leaves no wall", async (what, options) => {
    const place = makePlace();
    const more = options(join(dirname(place.state), "shown"));
    const shown = "secrets" in more || "token_file" in more ? join(dirname(place.state), "shown") : place.state;
    mkdirSync(join(shown, "secrets"), { recursive: true });
    copyFileSync(join(place.state, "tokens", "agent"), join(shown, "token"));
    const { profile } = contained!;
    const shows = { ...contained!, profile: { ...profile, programs: [...profile.programs, shown] } };
    const { manifest } = await run(["true"], {
      place,
      options: { sandbox: { driver: "auto", found: shows }, ...more },
    });
    expect(manifest.sandbox).toMatchObject({ level: "none", why: expect.stringContaining(`${what} `) });
  });

  test("directories of PATH beneath workspaces are not shown to commands of other workspaces", async () => {
    const { workspace } = makePlace();
    const bin = join(workspace, "bin");
    mkdirSync(bin);
    for (const path of [dirname(workspace), workspace, bin]) chmodSync(path, 0o755);
    const before = process.env.PATH;
    onTestFinished(() => void (process.env.PATH = before));
    process.env.PATH = `${bin}:${before}`;
    const programs = async (more: object): Promise<readonly string[]> => {
      const said = await findSandbox(kept!, { ...wish, ...more });
      return said.level === "contained" ? said.profile.programs : [];
    };
    expect(await programs({})).toContain(bin);
    expect(await programs({ workspace_roots: [workspace] })).not.toContain(bin);
    expect(await programs({ workspace_roots: [workspace], reads: [bin] })).toContain(bin);
  });

  test.each([true, false])(
    "a program that is no longer what was judged is not started within (%s)",
    async (replaced) => {
      const place = makePlace();
      const tool = join(place.workspace, "tool");
      copyFileSync("/usr/bin/echo", tool);
      const ports = ({ processes }: Ports): Partial<Ports> => ({
        processes: {
          ...processes,
          start(start) {
            if (replaced) copyFileSync("/usr/bin/true", tool);
            return processes.start(start);
          },
        },
      });
      const { manifest } = await run(["./tool", "hello"], { place, ports });
      expect(manifest.sandbox.level).toBe("contained");
      expect(manifest).toMatchObject(
        replaced
          ? { reason: "denied", message: expect.stringContaining("taken the place") }
          : { result: "succeeded", files: expect.arrayContaining([expect.objectContaining({ size: 6 })]) },
      );
    },
  );

  test("the network is there when the stage says so", async () => {
    const server = createServer((socket) => socket.end("hello")).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const script = `require("net").connect(${port}, "127.0.0.1").pipe(process.stdout)`;
    const argv = command(["node", "-e", script], { allow_shell: true });
    const { manifest, read } = await run([], { exec: { commands: [argv], network: true } });
    expect(manifest.sandbox.network).toBe(true);
    expect(read("stdout")).toBe("hello");
  });

  test.each([
    ["open_files", 64, "for (let i = 0; i < 100; i++) fs.openSync('/dev/null')", "EMFILE"],
    ["file_size_bytes", 100_000, "fs.writeFileSync('large', Buffer.alloc(1e6))", "EFBIG"],
    [
      "processes",
      40,
      "for (let i = 0; i < 60; i++) require('child_process').spawn('sleep', ['9']).on('error', (e) => { throw e })",
      "EAGAIN",
    ],
    ["memory_bytes", 400 * 1024 * 1024, "Buffer.alloc(900e6)", "allocation failed"],
    ["cpu_time_ms", 1_000, "for (;;);", "SIGXCPU"],
  ] as const)("the limit %s holds", async (limit, value, script, outcome) => {
    const code = `const fs = require("fs"); process.on("SIGXFSZ", () => {}); ${script}`;
    const commands = [command(["node", "-e", code], { allow_shell: true })];
    const { manifest, ran, read } = await run([], { exec: { commands, limits: { ...noLimits, [limit]: value } } });
    expect(manifest.limits).toEqual([{ limit, value, enforced: true }]);
    expect(manifest.result).toBe("failed");
    expect(`${ran.exit?.signal} ${read("stderr")}`).toContain(outcome);
  });

  test("a program that cannot be seen from within is refused, with the option that shows it", async () => {
    const directory = mkdtempSync(join(dirname(makePlace().state), "tools-"));
    writeFileSync(join(directory, "tool"), "#!/usr/bin/env node\n", { mode: 0o755 });
    const { manifest } = await run([join(directory, "tool")]);
    expect(manifest).toMatchObject({
      result: "failed",
      reason: "denied",
      message: expect.stringContaining("--sandbox-read"),
    });
  });

  test("a state directory in the workspace leaves no wall: `auto` says so, a demand is refused", async () => {
    const { state } = makePlace();
    const place = { state, workspace: dirname(state) };
    const auto = await run(["true"], { place });
    expect(auto.manifest.sandbox).toMatchObject({ level: "none", why: expect.stringContaining("--state DIR") });
    expect(auto.manifest.result).toBe("succeeded");
    const demanded = await run(["true"], {
      place: { ...place },
      exec: { sandbox: "contained" },
      options: { agent_id: "b" },
    });
    expect(demanded.manifest).toMatchObject({
      result: "failed",
      reason: "denied",
      message: expect.stringContaining("--state DIR"),
    });
  });

  test.runIf(isRoot)(
    "a user who cannot write to the workspace is refused, with the command that mends it",
    async () => {
      const place = makePlace();
      const scene = stage({ place, options: { sandbox: { driver: "bwrap", found: found! } } });
      const [grant] = scene.daemon.queue({});
      await scene.daemon.until(() => scene.daemon.reportOf(grant!.exec_id) !== undefined);
      expect(scene.daemon.manifestOf(grant!.exec_id).message).toContain(
        `chown -R ${user!.uid}:${user!.gid} ${place.workspace}`,
      );
    },
  );
});

test("an agent that has no sandbox refuses a stage that demands one", async () => {
  const none = { driver: "auto", found: { level: "none", why: "bubblewrap is not installed" } } as const;
  const { manifest } = await run(["true"], { exec: { sandbox: "contained" }, options: { sandbox: none } });
  expect(manifest).toMatchObject({ result: "failed", reason: "denied", sandbox: { level: "none" } });
  expect(manifest.message).toContain("bubblewrap is not installed");
});

test.runIf(kept !== null)(
  "limits hold without a sandbox, but for the one that would count all of the user's processes",
  async () => {
    const limits = { ...noLimits, open_files: 64, processes: 1 };
    const none = { driver: "none", found: { level: "none", why: "" } } as const;
    const exec = { commands: [shell("ulimit -n; (true)")], limits };
    const { manifest, read } = await run([], { exec, options: { sandbox: none } });
    expect(manifest.result).toBe("succeeded");
    expect(read("stdout")).toBe("64\n");
    expect(manifest.limits).toEqual([
      { limit: "processes", value: 1, enforced: false },
      { limit: "open_files", value: 64, enforced: true },
    ]);
  },
);

test.runIf(kept !== null && isRoot)("root without another user has no sandbox", async () => {
  const said = await findSandbox(kept!, { ...wish, user: null });
  expect(said).toMatchObject({ level: "none", why: expect.stringMatching(/--sandbox-user|not installed/) });
});
