import {
  accessSync,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { liesBeneath } from "orchestrator-core";
import type { Processes } from "../ports.ts";
import { contain, environmentInside, prefixOf, type Profile, SYSTEM } from "../sandbox/profile.ts";
import { NO_SANDBOX, type Sandbox, type SandboxDriver, type User } from "../sandbox/sandbox.ts";

export interface SandboxWish {
  readonly driver: SandboxDriver;
  readonly user: User | null;
  /** Directories that commands see read-only, beside the system's. */
  readonly reads: readonly string[];
  /** Where workspaces may lie, which other commands can write to. */
  readonly workspace_roots: readonly string[];
  /** The program of the keeper that `processes` has. */
  readonly keeper: string;
}

/** Finds out, by starting a command in one, whether commands can be held by a sandbox here. */
export async function findSandbox(processes: Processes, wish: SandboxWish): Promise<Sandbox> {
  const { driver, user, keeper } = wish;
  if (driver === "none") return NO_SANDBOX;
  if (processes.supervisor !== "keeper") {
    return none("this agent has no keeper: install a C compiler (apt-get install gcc libc6-dev) and build it again");
  }
  const bwrap = onPath("bwrap");
  if (bwrap === null) return none("bubblewrap is not installed: apt-get install bubblewrap");
  if (processes.self.uid === 0 && user === null) {
    return none(
      "the agent is root, and no sandbox holds root: start it as another user, or say --sandbox-user UID:GID",
    );
  }
  const profile: Profile = { bwrap, keeper, user, programs: programsOf(wish), system: systemOf() };
  const failure = await tryOut(processes, profile);
  return failure === null ? { level: "contained", profile } : none(`bubblewrap does not work here: ${failure}`);
}

const none = (why: string): Sandbox => ({ level: "none", why });

function onPath(name: string): string | null {
  for (const directory of (process.env.PATH ?? "/usr/bin:/bin").split(delimiter)) {
    const path = join(directory || ".", name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // the next one
    }
  }
  return null;
}

/** The machine's root as it is: some systems have links where others have directories. */
function systemOf(): string[] {
  const args = ["--ro-bind", "/usr", "/usr"];
  for (const name of ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]) {
    const stat = lstatSync(`/${name}`, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink() === true) args.push("--symlink", readlinkSync(`/${name}`), `/${name}`);
    else if (stat?.isDirectory() === true) args.push("--ro-bind", `/${name}`, `/${name}`);
  }
  for (const path of ["/opt", "/nix/store"]) args.push("--ro-bind-try", path, path);
  return args;
}

/**
 * Where programs lie that the system's directories do not hold: the agent's PATH, and this Node.js with its packages. Not
 * what PATH has beneath workspaces, unless somebody named it: a link that one command put there would show it to another.
 */
function programsOf({ reads, user, workspace_roots }: SandboxWish): string[] {
  const prefix = prefixOf(process.execPath);
  const own = ["bin", "include", "lib/node_modules"].map((name) => join(prefix, name));
  const roots = workspace_roots.map((root) => realOf(root) ?? root);
  const found = new Set<string>();
  const add = (path: string, isNamed: boolean): void => {
    const real = path.startsWith("/") ? realOf(path) : null;
    if (real === null || !mayReach(real, user) || SYSTEM.some((root) => liesBeneath(root, real))) return;
    if (!isNamed && roots.some((root) => liesBeneath(root, real))) return;
    if (!["/", "/etc", "/home", "/root", "/tmp", "/var", "/proc", "/dev", "/sys", "/run"].includes(real))
      found.add(real);
  };
  for (const path of [...reads, ...own]) add(path, true);
  for (const path of (process.env.PATH ?? "").split(delimiter)) add(path, false);
  return [...found];
}

/** Whether this user can get there: what it cannot see outside of a sandbox is not shown within. */
function mayReach(path: string, user: User | null): boolean {
  if (user === null) return true;
  const { uid, gid, mode } = statSync(path);
  const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
  return ((mode >> shift) & 0o1) === 1 && (path === "/" || mayReach(dirname(path), user));
}

function realOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

/** Starts `true` in the way in which commands are started. Null: it worked; else what was wrong. */
async function tryOut(processes: Processes, profile: Profile): Promise<string | null> {
  const top = mkdtempSync(join(tmpdir(), "orchestrator-sandbox-"));
  const fds: number[] = [];
  const open = (path: string, flags: number): number => {
    const fd = openSync(path, flags, 0o600);
    fds.push(fd);
    return fd;
  };
  try {
    const room = (name: string) => {
      const path = join(top, name);
      mkdirSync(path, { mode: 0o700 });
      if (profile.user !== null) chownSync(path, profile.user.uid, profile.user.gid);
      return { path, fd: open(path, constants.O_RDONLY | constants.O_DIRECTORY) };
    };
    chmodSync(top, 0o711);
    const output = join(top, "output");
    const log = open(output, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND);
    const rooms = {
      workspace: room("workspace"),
      scratch: room("scratch"),
      run: room("run"),
      keeper: open(profile.keeper, constants.O_RDONLY),
      network: false,
      limits: "core=0",
    };
    const started = processes.start(
      contain(profile, rooms, {
        file: "/usr/bin/true",
        argv0: "true",
        args: [],
        cwd: rooms.workspace.path,
        env: environmentInside({ PATH: "/usr/bin:/bin" }, rooms.workspace.path),
        stdout: log,
        stderr: log,
        mark: "ORCHESTRATOR_EXEC_ID=sandbox",
        signal: "SIGTERM",
        lease_ms: TRY_MS,
        grace_ms: 0,
      }),
    );
    const ended = await started.ended;
    await started.end("it was a try", () => 0);
    if (ended.started && ended.exit?.code === 0) return null;
    const said = readFileSync(output, "utf8").trim().split("\n")[0] ?? "";
    return said || (ended.started ? (ended.cut ?? JSON.stringify(ended.exit)) : `${ended.code} ${ended.message}`);
  } catch (error) {
    return (error as Error).message;
  } finally {
    for (const fd of fds) closeSync(fd);
    rmSync(top, { recursive: true, force: true });
  }
}

const TRY_MS = 10_000;
