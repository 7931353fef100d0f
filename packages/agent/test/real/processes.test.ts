import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { KEEPER, keptProcesses, type Processes, realProcesses, type StartCommand } from "../../src/index.ts";
import { keepersOf, makeYard, parentOf, sleepers, uniqueSleep, until } from "./trees.ts";

const kept = keptProcesses(KEEPER);
const LITTLE = (): number => 50;

/** What every implementation of the port does for real. */
const implementations: readonly (readonly [string, Processes | null])[] = [
  ["without a keeper", realProcesses()],
  ["with a keeper", kept],
];

describe.each(implementations)("commands %s", (_name, given) => {
  const testIt = test.skipIf(given === null);
  const processes = given!;

  async function run(script: string, more: Partial<StartCommand> = {}) {
    const yard = makeYard();
    const started = yard.start(processes, script, more);
    return { ...yard, ...started, end_of: await started.ended };
  }

  testIt("get argv, environment and directory byte for byte", async () => {
    const args = ["", " ", "a=b", "line\nbreak", "tab\t", "--", "ünïcödé 🙂", "'\"\\$`", "\x01\x7f", "*"];
    const env = { ODD: "\n=\t\x01", EMPTY: "", "lower.case-name": "1", LONG: "x".repeat(100_000), Ü: "ü" };
    const code =
      "process.stdout.write(JSON.stringify([process.argv0, process.argv.slice(1), process.cwd(), process.env]))";
    const { output, directory, end_of } = await run("", {
      file: process.execPath,
      argv0: "another name",
      args: ["-e", code, "--", ...args],
      env,
    });
    expect(end_of).toMatchObject({ started: true, exit: { code: 0, signal: null } });
    expect(JSON.parse(output())).toEqual(["another name", args, directory, env]);
  });

  testIt.each([0, 1, 2, 64, 125, 126, 127, 128, 255])("end with their own exit code %d", async (code) => {
    const { end_of } = await run(`exit ${code}`);
    expect(end_of).toMatchObject({ started: true, exit: { code, signal: null }, cut: null });
  });

  testIt.each(["SIGKILL", "SIGSEGV", "SIGTERM"])("end by their own %s", async (signal) => {
    const { end_of } = await run(`ulimit -c 0; kill -${signal.slice(3)} $$`);
    expect(end_of).toMatchObject({ started: true, exit: { code: null, signal } });
  });

  testIt("that cannot start say so, and never by an exit code", async () => {
    const { program } = makeYard();
    const cases = [
      [{ file: "/nowhere/at/all" }, "ENOENT"],
      [{ file: program("#!/bin/sh\n", 0o644) }, "EACCES"],
      [{ file: program("#!/nowhere/at/all\n") }, "ENOENT"],
      [{ cwd: "/nowhere" }, "ENOENT"],
      [{ args: ["x".repeat(200_000)] }, "E2BIG"],
      [{ args: ["a\0b"] }, expect.stringMatching(/EINVAL|ERR_INVALID_ARG_VALUE/)],
    ] as const;
    for (const [more, code] of cases) {
      const { pid, end_of, end } = await run("", more);
      expect(end_of).toMatchObject({ started: false, code });
      expect(await pid).toBe(null);
      expect(await end("nothing to end", LITTLE)).toEqual({ signalled: [], survivors: 0 });
    }
  });

  testIt("have a session of their own, three descriptors, and every signal at its default", async () => {
    const { start } = makeYard();
    const seconds = uniqueSleep();
    const started = start(processes, `exec sleep ${seconds}`);
    const pid = (await started.pid)!;
    await until(() => sleepers(seconds).length === 1);
    // without a keeper there is also whatever the agent itself was started with and did not ask for
    const fds = (): string[] => readdirSync(`/proc/${pid}/fd`).slice(0, given === kept ? undefined : 3);
    // a program shows its name a moment before the system has closed what is to be closed
    await until(() => fds().join(" ") === "0 1 2");
    expect(readlinkSync(`/proc/${pid}/fd/0`)).toBe("/dev/null");
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    expect(
      stat
        .slice(stat.lastIndexOf(")") + 2)
        .split(" ")
        .slice(2, 4),
    ).toEqual([String(pid), String(pid)]);
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    for (const set of ["SigBlk", "SigIgn", "SigCgt"]) expect(status).toMatch(new RegExp(`${set}:\t0+\n`));
    expect(processes.startOf(pid)).not.toBe(null);
    await started.end("the test is over", LITTLE);
    await until(() => processes.startOf(pid) === null);
  });

  testIt("append to their logs, both streams to one file where that was asked for", async () => {
    const { output } = await run("echo one; echo two >&2; echo three");
    expect(output()).toBe("one\ntwo\nthree\n");
  });

  testIt("that end when told to leave a receipt of SIGTERM alone", async () => {
    const { start } = makeYard();
    const seconds = uniqueSleep();
    const started = start(processes, `sleep ${seconds} & wait`);
    await until(() => sleepers(seconds).length === 1);
    const { signalled, survivors } = await started.end("because", () => 60_000);
    expect(signalled).toMatchObject([{ signal: "SIGTERM", pgid: await started.pid, why: "because" }]);
    expect(survivors).toBe(0);
    expect(await started.ended).toMatchObject({ exit: { code: null, signal: "SIGTERM" } });
    expect(sleepers(seconds)).toEqual([]);
  });

  testIt("are told to end once, however many of their processes share a group", async () => {
    const { start, output } = makeYard();
    const seconds = uniqueSleep();
    // what takes a second SIGTERM for impatience must not be given one
    const code = `
      let told = 0;
      process.on("SIGTERM", () => (told++ === 0 && setTimeout(() => { console.log(told); process.exit(0); }, 300)));
      for (let i = 0; i < 40; i++) require("node:child_process").spawn("sleep", ["${seconds}"]);
      setInterval(() => {}, 1000);`;
    const started = start(processes, "", { file: process.execPath, argv0: "node", args: ["-e", code] });
    await until(() => sleepers(seconds).length === 40);
    await started.end("because", () => 60_000);
    expect(await started.ended).toMatchObject({ exit: { code: 0, signal: null } });
    expect(output()).toBe("1\n");
  });

  testIt.each(["SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const)(
    "that ask for %s are told with it, and with nothing else",
    async (signal) => {
      const { start, output } = makeYard();
      const started = start(
        processes,
        `trap 'echo asked; exit 7' ${signal.slice(3)}; echo ready; while :; do sleep 0.02; done`,
        {
          signal,
        },
      );
      await until(() => output().includes("ready"));
      const { signalled, survivors } = await started.end("because", () => 60_000);
      expect([...new Set(signalled.map((s) => s.signal))]).toEqual([signal]);
      expect(survivors).toBe(0);
      expect(await started.ended).toMatchObject({ exit: { code: 7, signal: null } });
      expect(output()).toContain("asked\n");
    },
  );

  testIt("that ignore SIGTERM are killed after the grace", async () => {
    const { start } = makeYard();
    const seconds = uniqueSleep();
    const started = start(processes, `trap '' TERM; sleep ${seconds} & wait`);
    await until(() => sleepers(seconds).length === 1);
    const { signalled, survivors } = await started.end("because", LITTLE);
    expect(signalled.map(({ signal }) => signal)).toEqual(["SIGTERM", "SIGKILL"]);
    expect(survivors).toBe(0);
    expect(await started.ended).toMatchObject({ exit: { code: null, signal: "SIGKILL" } });
    expect(sleepers(seconds)).toEqual([]);
  });

  testIt("without a grace are killed at once, also when it is taken back later", async () => {
    const { start, directory } = makeYard();
    for (const grace of [() => 0, () => (existsSync(join(directory, "impatient")) ? 0 : 60_000)]) {
      const seconds = uniqueSleep();
      const started = start(processes, `trap 'touch impatient' TERM; echo; while :; do sleep ${seconds} & wait; done`);
      await until(() => sleepers(seconds).length === 1);
      const { signalled, survivors } = await started.end("because", grace);
      expect(signalled.at(-1)).toMatchObject({ signal: "SIGKILL" });
      expect(survivors).toBe(0);
      expect(sleepers(seconds)).toEqual([]);
    }
  });

  testIt("leave nothing of their group behind when they end by themselves", async () => {
    const { start } = makeYard();
    const seconds = uniqueSleep();
    const started = start(processes, `sleep ${seconds} & exit 4`);
    expect(await started.ended).toMatchObject({ exit: { code: 4 } });
    const { signalled, survivors } = await started.end("left behind", () => 60_000);
    expect(signalled).toMatchObject([{ signal: "SIGTERM", pgid: await started.pid }]);
    expect(survivors).toBe(0);
    expect(sleepers(seconds)).toEqual([]);
  });

  testIt("a thousand of them leave no descriptor and no zombie", { timeout: 120_000 }, async () => {
    const { start } = makeYard();
    const fds = (pid: number | "self"): number => readdirSync(`/proc/${pid}/fd`).length;
    const runSome = async (count: number): Promise<void> => {
      const ends = Array.from({ length: count }, () => start(processes, "", { file: "/bin/true", args: [] }));
      for (const { ended, end } of ends) {
        expect(await ended).toMatchObject({ exit: { code: 0, signal: null } });
        expect(await end("", LITTLE)).toEqual({ signalled: [], survivors: 0 });
      }
    };
    await runSome(20);
    const keepers = keepersOf(process.pid).filter((pid) => given === kept && parentOf(pid) === process.pid);
    // a guard stands by for the next one
    await until(() => keepers.every((pid) => children(pid).length === 1));
    const before = [fds("self"), ...keepers.map(fds)];
    for (let i = 0; i < 49; i++) await runSome(20);
    await until(() => children(process.pid).filter((pid) => !keepersOf(process.pid).includes(pid)).length === 0);
    await until(() => keepers.every((pid) => children(pid).length === 1));
    expect([fds("self"), ...keepers.map(fds)]).toEqual(before);
  });
});

/** Zombies included. */
const children = (parent: number): number[] =>
  readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
        return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent;
      } catch {
        return false;
      }
    });

test("without a C compiler the build says so in one line, goes on, and there is no keeper", () => {
  const { directory } = makeYard();
  const build = join(import.meta.dirname, "..", "..", "native", "build.mjs");
  const program = join(directory, "built", "keeper");
  const run = (CC: string) =>
    spawnSync(process.execPath, [build, program], { env: { ...process.env, CC }, encoding: "utf8" });
  const without = run("/nowhere/cc");
  expect(without).toMatchObject({ status: 0, stderr: "" });
  expect(without.stdout).toMatch(/^keeper: not built \(.*ENOENT\); commands will run without one\n$/);
  expect(keptProcesses(program)).toBe(null);
  if (kept === null) return;
  expect(run("cc")).toMatchObject({ status: 0, stdout: "", stderr: "" });
  expect(keptProcesses(program)?.supervisor).toBe("keeper");
});

test("a keeper that is not there, is no program, or is another one is no keeper", () => {
  const { program, directory } = makeYard();
  expect(keptProcesses(join(directory, "nothing"))).toBe(null);
  expect(keptProcesses("/bin/false")).toBe(null);
  const half = program("");
  chmodSync(half, 0o644);
  expect(keptProcesses(half)).toBe(null);
});
