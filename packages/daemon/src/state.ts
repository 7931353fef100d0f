import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Role, roles } from "orchestrator-core";

/**
 * The state directory, as the daemon lays it out and the command reads it:
 * `db/`, `runs/`, `agents/`, `tokens/ROLE` (0600), `daemon.json`, `.gitignore`. This module loads no database.
 */
export interface DaemonFile extends ProcessId {
  readonly url: string;
  readonly started_at: string;
  /** `up`: supervised, comes back by itself. `run`: lives as long as the command that opened it. */
  readonly owner: "daemon" | "up" | "run" | "command";
  /** With `owner: "up"`: the process that brings the daemon back, and that ends its agents before it. */
  readonly supervisor?: ProcessId;
}

/** Names one process for ever: a pid alone is used again. */
export interface ProcessId {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat. */
  readonly pid_start: string;
}

const DAEMON_FILE = "daemon.json";

/** Creates what is missing; never widens the rights of what exists. */
export function prepareState(state: string): void {
  mkdirSync(state, { recursive: true, mode: 0o700 });
  for (const name of ["runs", "agents", "tokens"]) mkdirSync(join(state, name), { recursive: true, mode: 0o700 });
  chmodSync(state, 0o700);
  const ignore = join(state, ".gitignore");
  if (!existsSync(ignore)) writeFileSync(ignore, "*\n");
  for (const role of roles) {
    const file = join(state, "tokens", role);
    if (existsSync(file)) continue;
    // written beside and renamed, so that a reader never sees half a token
    writeFileSync(`${file}.new`, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
}

export const readToken = (state: string, role: Role): string =>
  readFileSync(join(state, "tokens", role), "utf8").trim();

export function writeDaemonFile(state: string, file: DaemonFile): void {
  writeFileSync(join(state, `${DAEMON_FILE}.new`), `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
  renameSync(join(state, `${DAEMON_FILE}.new`), join(state, DAEMON_FILE));
}

export function removeDaemonFile(state: string): void {
  rmSync(join(state, DAEMON_FILE), { force: true });
}

/** The daemon that owns the state directory, or null where there is none or its process is gone. */
export function findDaemon(state: string): DaemonFile | null {
  const file = readDaemonFile(state);
  return file !== null && isAlive(file) ? file : null;
}

/** The `up` that keeps a daemon of the state directory, also while that daemon is dead and about to come back. */
export function findSupervisor(state: string): ProcessId | null {
  const supervisor = readDaemonFile(state)?.supervisor;
  return supervisor !== undefined && isAlive(supervisor) ? supervisor : null;
}

function readDaemonFile(state: string): DaemonFile | null {
  try {
    return JSON.parse(readFileSync(join(state, DAEMON_FILE), "utf8")) as DaemonFile;
  } catch {
    return null;
  }
}

export const isAlive = ({ pid, pid_start }: ProcessId): boolean => processStart(pid) === pid_start;

export const processId = (pid: number): ProcessId => ({ pid, pid_start: processStart(pid) ?? "" });

/** When a process started, in the kernel's own count; null where it is gone or a zombie. */
export function processStart(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return null;
  }
  // the name in parentheses may hold anything, so count from its end
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? null : (fields[19] ?? null);
}
