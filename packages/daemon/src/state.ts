import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { AGENT_ID_PATTERN, isRole, type Role, roles } from "orchestrator-core";

/**
 * The state directory, as the daemon lays it out and the command reads it:
 * `db/`, `runs/`, `agents/`, `audit/`, `tokens/ROLE` and `tokens/ROLE.NAME` (0600), `daemon.json`, `frozen.json`,
 * `.gitignore`. This module loads no database.
 */
export interface DaemonFile extends ProcessId {
  readonly url: string;
  readonly started_at: string;
  /** Of a daemon that speaks TLS: its certificate (PEM), which is what clients of this state directory trust. */
  readonly certificate: string | null;
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
  makeDirectories(state);
  for (const name of ["runs", "agents", "tokens"]) makeDirectories(join(state, name));
  chmodSync(state, 0o700);
  const ignore = join(state, ".gitignore");
  if (!existsSync(ignore)) writeFileSync(ignore, "*\n");
  for (const role of roles) writeToken(state, role, null);
}

/** `mkdir -p`. Node's own never ends beneath a directory that takes no entries, such as /proc. */
function makeDirectories(path: string): void {
  const above = dirname(path);
  if (!existsSync(above)) makeDirectories(above);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !statSync(path).isDirectory()) throw error;
  }
}

/** `tokens/ROLE` is for whoever owns the state directory; `tokens/ROLE.NAME` is for one person, script or agent. */
export interface TokenName {
  readonly role: Role;
  readonly name: string | null;
}

const tokenFile = (state: string, role: Role, name: string | null): string =>
  join(state, "tokens", name === null ? role : `${role}.${name}`);

/** The text of a token's file. Throws where there is none. */
export const readToken = (state: string, role: Role, name: string | null = null): string =>
  readFileSync(tokenFile(state, role, name), "utf8").trim();

/** Makes a token. Null: there is one of this name. The file appears whole and only once. */
export function writeToken(state: string, role: Role, name: string | null): string | null {
  const file = tokenFile(state, role, name);
  if (existsSync(file)) return null;
  const token = randomBytes(32).toString("base64url");
  const draft = join(state, "tokens", `.new.${randomBytes(8).toString("hex")}`);
  writeFileSync(draft, `${token}\n`, { mode: 0o600, flush: true });
  try {
    // a link, since a rename would replace what another process made meanwhile
    linkSync(draft, file);
    return token;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return null;
  } finally {
    rmSync(draft);
  }
}

/** False: there was none. */
export function removeToken(state: string, role: Role, name: string | null): boolean {
  const file = tokenFile(state, role, name);
  if (!existsSync(file)) return false;
  rmSync(file);
  return true;
}

const TOKEN_NAME = new RegExp(AGENT_ID_PATTERN);

/** Every token that there is. Other files are passed over. */
export function readTokens(state: string): (TokenName & { readonly token: string })[] {
  const directory = join(state, "tokens");
  if (!existsSync(directory)) return [];
  return readdirSync(directory).flatMap((file) => {
    const [role = "", ...rest] = file.split(".");
    const name = rest.length === 0 ? null : rest.join(".");
    if (!isRole(role) || (name !== null && !TOKEN_NAME.test(name))) return [];
    try {
      return [{ role, name, token: readToken(state, role, name) }];
    } catch {
      // gone since it was listed
      return [];
    }
  });
}

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

export { readMachinePolicy } from "./policy.ts";
