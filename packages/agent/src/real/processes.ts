import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { hostname } from "node:os";
import { endUnkept } from "../exec/ending.ts";
import type { Ended, ProcessFound, Processes, StartCommand, Started } from "../ports.ts";
import { realClock } from "./clock.ts";

/** Processes of this Linux machine. What lives is read from /proc: a zombie still takes signals and is no life. */
export function realProcesses(): Processes {
  const processes: Processes = {
    self: { pid: process.pid, uid: process.getuid?.() ?? 0, host: hostname() },
    boot: readProc("/proc/sys/kernel/random/boot_id")?.trim() ?? "",
    supervisor: "none",
    start: (command) => start(processes, command),
    signal(pgid, signal) {
      try {
        process.kill(-pgid, signal);
      } catch {
        // gone, or not ours any more: what is left is looked up, not assumed
      }
    },
    mayExist(pgid) {
      try {
        process.kill(-pgid, 0);
        return true;
      } catch (error) {
        return (error as NodeJS.ErrnoException).code !== "ESRCH";
      }
    },
    find({ pgids, mark }) {
      const found: ProcessFound[] = [];
      for (const name of readdirSync("/proc")) {
        const pid = Number(name);
        if (!Number.isInteger(pid)) continue;
        const stat = readStat(pid);
        if (stat === null) continue;
        if (pgids.includes(stat.pgid) || (mark !== null && carries(pid, mark))) found.push({ pid, pgid: stat.pgid });
      }
      return found;
    },
    startOf: (pid) => readStat(pid)?.start ?? null,
  };
  return processes;
}

function start(processes: Processes, command: StartCommand): Started {
  const { pid, ended } = spawnCommand(command);
  const state = { pid, mark: command.mark, signal: command.signal, has_ended: false };
  return {
    pid: Promise.resolve(pid),
    ended: ended.then((end) => {
      state.has_ended = true;
      return end;
    }),
    end: (why, grace) => endUnkept({ clock: realClock, processes }, state, why, grace),
    extend: () => undefined,
  };
}

function spawnCommand(command: StartCommand): { readonly pid: number | null; readonly ended: Promise<Ended> } {
  try {
    const child = spawn(command.file, command.args, {
      argv0: command.argv0,
      cwd: command.cwd,
      env: command.env,
      detached: true,
      stdio: ["ignore", command.stdout, command.stderr],
    });
    const ended = new Promise<Ended>((resolve) => {
      child.once("exit", (code, signal) => resolve({ started: true, exit: { code, signal }, usage: null, cut: null }));
      child.on("error", (error) => resolve(notStarted(error)));
    });
    return { pid: child.pid ?? null, ended };
  } catch (error) {
    return { pid: null, ended: Promise.resolve(notStarted(error as Error)) };
  }
}

export const notStarted = (error: NodeJS.ErrnoException): Ended => ({
  started: false,
  code: error.code ?? "UNKNOWN",
  message: error.message,
});

function readStat(pid: number): { readonly pgid: number; readonly start: string } | null {
  const stat = readProc(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // the name in parentheses may hold anything, so count from its end
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, , pgid] = fields;
  if (state === "Z" || state === "X" || pgid === undefined) return null;
  return { pgid: Number(pgid), start: fields[19] ?? "" };
}

/** The environment that the program was started with. Unreadable for other users' processes. */
function carries(pid: number, mark: string): boolean {
  const environment = readProc(`/proc/${pid}/environ`);
  return environment !== null && `\0${environment}`.includes(`\0${mark}\0`);
}

function readProc(path: string): string | null {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return null;
  }
}
