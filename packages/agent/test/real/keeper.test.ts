import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { KEEPER, keptProcesses, type Processes } from "../../src/index.ts";
import { processesOf, stage } from "../fixtures.ts";
import { shell } from "../scripted-daemon.ts";
import { AWKWARD, awkwardTree, keepersOf, makeYard, parentOf, sleepers, uniqueSleep, until } from "./trees.ts";

const kept = keptProcesses(KEEPER);

/** Starts the awkward tree and waits until it has grown. */
async function grow(given: { readonly last?: string; readonly lease_ms?: number; readonly grace_ms?: number } = {}) {
  const yard = makeYard();
  const seconds = uniqueSleep();
  const { last = "while :; do wait; done", ...more } = given;
  const started = yard.start(kept!, awkwardTree(seconds, last), more);
  const grown = until(() => sleepers(seconds).length === AWKWARD);
  return { ...yard, ...started, seconds, grown };
}

const waitFor = (name: string): string => `while [ ! -e ${name} ]; do sleep 0.01; done`;

describe.skipIf(kept === null)("a tree that ignores SIGTERM, left its session and was forked twice ends", () => {
  test("when its command is told to end", async () => {
    const { seconds, grown, end, ended } = await grow();
    await grown;
    const { signalled, survivors } = await end("because", () => 50);
    expect(survivors).toBe(0);
    expect(sleepers(seconds)).toEqual([]);
    expect(new Set(signalled.map(({ signal }) => signal))).toEqual(new Set(["SIGTERM", "SIGKILL"]));
    // the command's own group and three sessions
    expect(signalled.filter(({ signal }) => signal === "SIGKILL").length).toBe(4);
    expect(await ended).toMatchObject({ exit: { signal: "SIGKILL" }, cut: null });
  });

  test("when its command ends by itself", async () => {
    const { seconds, grown, end, ended, directory } = await grow({ last: `${waitFor("go")}; exit 5` });
    await grown;
    writeFileSync(join(directory, "go"), "");
    expect(await ended).toMatchObject({ exit: { code: 5 }, cut: null });
    const { signalled, survivors } = await end("left behind", () => 50);
    expect(survivors).toBe(0);
    expect(signalled.map(({ why }) => why)).toContain("left behind by a command that ended");
    expect(sleepers(seconds)).toEqual([]);
  });

  test("when its lease is over and nobody says so", async () => {
    const { seconds, grown, end, ended, extend } = await grow({ grace_ms: 50 });
    await grown;
    extend(1);
    expect(await ended).toMatchObject({ exit: { signal: "SIGKILL" }, cut: expect.stringContaining("lease") });
    const { signalled, survivors } = await end("too late", () => 50);
    expect(new Set(signalled.map(({ why }) => why))).toEqual(
      new Set(["its lease was over, and its agent had not ended it"]),
    );
    expect(survivors).toBe(0);
    expect(sleepers(seconds)).toEqual([]);
  });

  test("when its keeper is killed, and the next command gets another keeper", async () => {
    const { seconds, grown, end, ended, pid } = await grow();
    await grown;
    const keeper = parentOf(parentOf((await pid)!));
    expect(keepersOf(process.pid)).toContain(keeper);
    process.kill(keeper, "SIGKILL");
    expect(await ended).toMatchObject({ exit: { signal: "SIGKILL" }, cut: "its keeper was lost, and it with it" });
    expect((await end("too late", () => 50)).survivors).toBe(0);
    expect(sleepers(seconds)).toEqual([]);
    const next = makeYard().start(kept!, "exit 6");
    expect(await next.ended).toMatchObject({ exit: { code: 6 } });
  });

  test("when its keeper is killed and the guard of a later command cannot react", async () => {
    const { seconds, grown, ended, pid } = await grow();
    await grown;
    const later = makeYard().start(kept!, `exec sleep ${uniqueSleep()}`);
    const guard = parentOf((await later.pid)!);
    process.kill(guard, "SIGSTOP");
    process.kill(parentOf(parentOf((await pid)!)), "SIGKILL");
    expect(await ended).toMatchObject({ exit: { signal: "SIGKILL" } });
    await until(() => sleepers(seconds).length === 0);
    process.kill(guard, "SIGKILL");
  });

  test("when its guard is killed", async () => {
    const { seconds, grown, end, ended, pid } = await grow();
    await grown;
    process.kill(parentOf((await pid)!), "SIGKILL");
    expect(await ended).toMatchObject({ exit: null, cut: "its guard was killed, and it with it" });
    expect((await end("too late", () => 50)).survivors).toBe(0);
    expect(sleepers(seconds)).toEqual([]);
  });

  test("when keeper and guard are killed in one moment, as far as its mark is found", async () => {
    const { seconds, grown, end, ended, pid } = await grow();
    await grown;
    const command = (await pid)!;
    const guard = parentOf(command);
    const keeper = parentOf(guard);
    // so that neither sees the other's end
    process.kill(guard, "SIGSTOP");
    process.kill(keeper, "SIGSTOP");
    process.kill(guard, "SIGKILL");
    process.kill(keeper, "SIGKILL");
    expect(await ended).toMatchObject({ exit: null, cut: "its keeper was lost, and it with it" });
    // the command itself, without anybody's help
    await until(() => kept!.startOf(command) === null);
    // what threw its environment away is beyond us
    const { survivors } = await end("its keeper was lost", () => 0);
    expect(survivors).toBe(0);
    const rest = sleepers(seconds);
    expect(rest.length).toBeLessThanOrEqual(1);
    for (const one of rest) process.kill(one, "SIGKILL");
  });
});

describe.skipIf(kept === null)("the guard that stands by", () => {
  /** Runs a command for as long as it takes to see whose it is. Its guard, which has gone by then. */
  async function guardOfOne(processes: Processes, env: Readonly<Record<string, string>> = {}): Promise<number> {
    const { pid, ended, end } = makeYard().start(processes, `exec /bin/sleep ${uniqueSleep()}`, { env });
    const guard = parentOf((await pid)!);
    await end("enough", () => 50);
    await ended;
    return guard;
  }

  /** A keeper that has run one command, and its guards now. */
  async function keeperAfterOne() {
    const processes = keptProcesses(KEEPER)!;
    const before = keepersOf(process.pid);
    const guard = await guardOfOne(processes);
    const keeper = keepersOf(process.pid).find((one) => !before.includes(one) && parentOf(one) === process.pid)!;
    const guards = (): number[] => keepersOf(process.pid).filter((one) => parentOf(one) === keeper);
    await until(() => guards().length === 1 && !guards().includes(guard));
    return { processes, keeper, guards };
  }

  test("is the one that the next command gets", async () => {
    const { processes, guards } = await keeperAfterOne();
    const [spare] = guards();
    expect(await guardOfOne(processes)).toBe(spare);
  });

  test("goes with its keeper", async () => {
    const { keeper, guards } = await keeperAfterOne();
    const [spare] = guards();
    process.kill(keeper, "SIGKILL");
    await until(() => !keepersOf(process.pid).includes(spare!));
  });

  test("may be killed, and the next command gets another; one that was stopped is ended as any guard", async () => {
    const { processes, guards } = await keeperAfterOne();
    const [spare] = guards();
    process.kill(spare!, "SIGKILL");
    await until(() => !guards().includes(spare!));
    const next = makeYard().start(processes, "exit 6");
    expect(await next.ended).toMatchObject({ exit: { code: 6 } });
    await until(() => guards().length === 1);
    const [stopped] = guards();
    process.kill(stopped!, "SIGSTOP");
    const kept_waiting = makeYard().start(processes, "exit 5");
    expect((await kept_waiting.end("because", () => 50)).survivors).toBe(0);
    expect(await kept_waiting.ended).toMatchObject({ exit: null, cut: "its keeper did not end it when told to" });
    process.kill(stopped!, "SIGKILL");
  });

  test("leaves a request that its pipe cannot take in one piece to a guard of its own", async () => {
    const { processes, guards } = await keeperAfterOne();
    const [spare] = guards();
    expect(await guardOfOne(processes, { LONG: "x".repeat(5_000) })).not.toBe(spare);
    expect(await guardOfOne(processes)).toBe(spare);
  });
});

describe.skipIf(kept === null)("a keeper", () => {
  test("that somebody has stopped does not keep its agent waiting", async () => {
    const { start } = makeYard();
    const seconds = uniqueSleep();
    const { pid, ended, end } = start(kept!, `sleep ${seconds} & setsid sleep ${seconds} & wait`);
    await until(() => sleepers(seconds).length === 2);
    const guard = parentOf((await pid)!);
    process.kill(guard, "SIGSTOP");
    const { signalled, survivors } = await end("because", () => 50);
    expect(new Set(signalled.map(({ pgid }) => pgid)).size).toBe(2);
    expect(survivors).toBe(0);
    expect(await ended).toMatchObject({ exit: null, cut: "its keeper did not end it when told to" });
    expect(sleepers(seconds)).toEqual([]);
    process.kill(guard, "SIGKILL");
  });

  test("starts no shell for a file that the system does not take for a program", async () => {
    const { directory, program, start } = makeYard();
    const file = program(`touch ${join(directory, "a-shell-was-here")}\n`);
    const { ended } = start(kept!, "", { file, args: [] });
    expect(await ended).toEqual({ started: false, code: "ENOEXEC", message: `execve ${file}` });
    expect(existsSync(join(directory, "a-shell-was-here"))).toBe(false);
  });

  test("lets a command run as long as its lease is extended", async () => {
    const { start } = makeYard();
    const { ended, extend } = start(kept!, "sleep 0.5; exit 7", { lease_ms: 200, grace_ms: 0 });
    extend(60_000);
    expect(await ended).toMatchObject({ exit: { code: 7 }, cut: null });
  });

  test("measures what a command used", async () => {
    const { start } = makeYard();
    const { ended } = start(kept!, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done");
    const end = await ended;
    expect(end.started && end.usage!.user_ms).toBeGreaterThan(10);
    expect(end.started && end.usage!.rss_kb_max).toBeGreaterThan(500);
  });

  test("tells of a command that is over before it is told to end", async () => {
    const { start } = makeYard();
    const many = Array.from({ length: 50 }, (_, i) => start(kept!, `exit ${i}`));
    const ends = await Promise.all(many.map(async ({ end, ended }) => [await end("at once", () => 0), await ended]));
    for (const [ending] of ends) expect(ending).toMatchObject({ survivors: 0 });
  });

  test("stands in the manifest of what it kept, and so does its absence", async () => {
    for (const ports of [() => ({ processes: kept! }), undefined]) {
      const { daemon } = stage(ports === undefined ? { keeper: null } : { ports });
      const [grant] = daemon.queue({ exec: { commands: [shell("exit 0")] } });
      await daemon.until(() => daemon.reportOf(grant!.exec_id) !== undefined);
      const { supervisor, commands } = daemon.manifestOf(grant!.exec_id);
      expect(supervisor).toBe(ports === undefined ? "none" : "keeper");
      expect(commands[0]!.usage === null).toBe(ports === undefined);
      expect(processesOf(grant!.exec_id)).toEqual([]);
    }
  });
});
