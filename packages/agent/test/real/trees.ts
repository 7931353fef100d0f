import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { KEEPER, type Processes, type StartCommand, type Started } from "../../src/index.ts";
import { removeTree } from "../../../../test/remove-tree.ts";
import { ulid } from "../scripted-daemon.ts";

/** What a test starts, and a look at what of it lives. */
export interface Yard {
  readonly directory: string;
  readonly output: () => string;
  /** `/bin/sh -c SCRIPT`, unless `more` says otherwise. What the test itself does not end is ended with it. */
  readonly start: (processes: Processes, script: string, more?: Partial<StartCommand>) => Started;
  /** Writes a program. */
  readonly program: (text: string, mode?: number) => string;
}

export function makeYard(): Yard {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "keeper-test-")));
  const log = join(directory, "output");
  const fd = openSync(log, "a+");
  onTestFinished(() => {
    closeSync(fd);
    removeTree(directory);
  });
  const mark = `ORCHESTRATOR_EXEC_ID=${ulid()}`;
  const PATH = process.env.PATH ?? "";
  const command: StartCommand = {
    file: "/bin/sh",
    argv0: "sh",
    args: [],
    cwd: directory,
    env: { PATH, ORCHESTRATOR_EXEC_ID: mark.slice(mark.indexOf("=") + 1) },
    stdout: fd,
    stderr: fd,
    mark,
    signal: "SIGTERM",
    lease_ms: 60_000,
    grace_ms: 60_000,
  };
  let programs = 0;
  return {
    directory,
    output: () => readFileSync(log, "utf8"),
    start(processes, script, more) {
      const started = processes.start({ ...command, args: ["-c", script], ...more });
      onTestFinished(async () => void (await started.end("its test is over", () => 0)));
      return started;
    },
    program(text, mode = 0o755) {
      const path = join(directory, `program-${++programs}`);
      writeFileSync(path, text, { mode });
      return path;
    },
  };
}

/** A number of seconds that nobody else on this machine sleeps for. */
export const uniqueSleep = (): string => `3600.${String(Math.floor(Math.random() * 1e12)).padStart(12, "0")}`;

/**
 * Starts five processes that ignore SIGTERM: one in the command's group, two in a session of their own, one of them and
 * another double-forked, and one with neither parents nor environment. Then goes on to `last`.
 */
export const awkwardTree = (seconds: string, last: string): string => `
  trap '' TERM
  sleep ${seconds} &
  setsid sh -c '(sleep ${seconds} &); sleep ${seconds}' &
  (setsid sleep ${seconds} &)
  (setsid env -i ${"$"}(command -v sleep) ${seconds} &)
  ${last}`;
export const AWKWARD = 5;

const cmdlineOf = (pid: string): string => {
  try {
    // a zombie has none
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
};

/** Live processes, by their command lines. */
export const processes = (is: (cmdline: string) => boolean): number[] =>
  readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name) && is(cmdlineOf(name)))
    .map(Number);

/** Live processes `sleep SECONDS`. */
export const sleepers = (seconds: string): number[] =>
  processes((cmdline) => cmdline.endsWith(`sleep\0${seconds}\0`) && !cmdline.startsWith("sh\0"));

/** The keeper of a process and its guards. */
export const keepersOf = (pid: number): number[] => processes((cmdline) => cmdline === `${KEEPER}\0${pid}\0`);

export function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

/** Until a fact outside of this process is one. */
export async function until(fact: () => boolean, limit_ms = 20_000): Promise<void> {
  for (const begun = performance.now(); !fact(); await pause(3)) {
    if (performance.now() - begun > limit_ms) throw new Error(`never came true: ${fact.toString()}`);
  }
}
