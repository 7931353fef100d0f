import { dirname } from "node:path";
import { liesBeneath } from "orchestrator-core";
import type { StartCommand } from "../ports.ts";
import type { User } from "./sandbox.ts";

/** How bubblewrap is called on this machine. */
export interface Profile {
  readonly bwrap: string;
  /** The keeper's program: it is the first process of the sandbox too. */
  readonly keeper: string;
  readonly user: User | null;
  /** What every sandbox shows read-only, beside the rest: real directories. */
  readonly programs: readonly string[];
  /** Links and directories of the machine's root, in the order in which they are made. */
  readonly system: readonly string[];
}

/** What one exec's sandbox holds: open directories, and where they are seen. */
export interface Rooms {
  /** Writable. */
  readonly workspace: Room;
  /** Writable: where the exec's outputs go. */
  readonly scratch: Room;
  /** The bundles of its run, read-only. */
  readonly run: Room;
  /** Descriptor of the keeper's program. */
  readonly keeper: number;
  readonly network: boolean;
  /** What the first process sets for the command: see the keeper. */
  readonly limits: string;
}

export interface Room {
  readonly path: string;
  readonly fd: number;
}

/** Shown read-only, with all beneath. */
export const SYSTEM = ["/usr", "/opt", "/nix/store"];
const HOME = "/home/job";
const KEEPER_INSIDE = "/run/orchestrator-keeper";
/** Begins the name of each variable that is for the command alone: bubblewrap, still outside, would load LD_PRELOAD. */
const FOR_COMMAND = "+";
const MIB = 1024 * 1024;
/** Of memory, as long as the sandbox lives. */
const TMP_BYTES_MAX = 1024 * MIB;
const HOME_BYTES_MAX = 256 * MIB;

/** Files of /etc that programs look into to find out about names, users, time, certificates and each other. */
export const ETC = [
  "alternatives",
  "ca-certificates",
  "debian_version",
  "fonts",
  "gai.conf",
  "group",
  "host.conf",
  "hosts",
  "java-17-openjdk",
  "java-21-openjdk",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "localtime",
  "magic",
  "mime.types",
  "nsswitch.conf",
  "os-release",
  "passwd",
  "pki",
  "protocols",
  "services",
  "ssl/certs",
  "ssl/openssl.cnf",
  "timezone",
].map((name) => `/etc/${name}`);

/** The directory by which a command in a sandbox round this workspace can see a file: all are real paths. */
export const shownBy = (profile: Profile, workspace: string, path: string): string | undefined =>
  [workspace, ...SYSTEM, ...profile.programs].find((root) => liesBeneath(root, path));

/** Whether it can see a path as it is written, with links of the machine's root. */
export const isVisible = (profile: Profile, workspace: string, path: string): boolean =>
  shownBy(profile, workspace, path) !== undefined || /^\/s?bin\//.test(path);

/**
 * The same command, started by bubblewrap. Nothing is mounted below a directory that commands can write outside of their
 * sandbox, since a link put there in time would lead the mount elsewhere.
 */
export function contain(profile: Profile, rooms: Rooms, start: StartCommand): StartCommand {
  const { workspace, scratch, run, keeper, network } = rooms;
  const args = [
    ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup"],
    network ? [] : ["--unshare-net"],
    ["--disable-userns", "--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL"],
    ["--hostname", "job"],
    profile.system,
    ETC.flatMap((path) => ["--ro-bind-try", path, path]),
    network ? ["--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"] : [],
    ["--proc", "/proc", "--dev", "/dev"],
    ["--size", String(TMP_BYTES_MAX), "--tmpfs", "/tmp", "--size", String(HOME_BYTES_MAX), "--tmpfs", HOME],
    profile.programs.flatMap((path) => ["--ro-bind", path, path]),
    bind(profile, "--bind", 3, workspace.path),
    bind(profile, "--bind", 4, scratch.path),
    bind(profile, "--ro-bind", 5, run.path),
    bind(profile, "--ro-bind", 6, KEEPER_INSIDE),
    ["--remount-ro", "/", "--chdir", start.cwd],
    ["--", KEEPER_INSIDE, "--inside", rooms.limits, start.judged ?? "", start.file, start.argv0, ...start.args],
  ].flat();
  const forCommand = Object.entries(start.env).map(([name, value]) => [`${FOR_COMMAND}${name}`, value]);
  const [mark = "", exec_id = ""] = start.mark.split("=");
  return {
    ...start,
    file: profile.bwrap,
    argv0: "bwrap",
    args,
    env: { ...Object.fromEntries(forCommand), [mark]: exec_id },
    cwd: "/",
    limits: "",
    judged: "",
    contained: { inherited: [workspace.fd, scratch.fd, run.fd, keeper], user: profile.user },
  };
}

/** What the keeper hands over: a descriptor, or, to another user, a name in its meeting place. */
const bind = ({ user }: Profile, kind: "--bind" | "--ro-bind", number: number, path: string): string[] =>
  user === null ? [`${kind}-fd`, String(number), path] : [kind, `/mnt/${number}`, path];

/** What changes in a command's environment: the agent's own home and temporary directory are not there. */
export function environmentInside(env: StartCommand["env"], cwd: string): StartCommand["env"] {
  return { ...env, HOME, TMPDIR: "/tmp", PWD: cwd };
}

/** Where a program's own files lie beside it, as those of Node.js and npm do: `bin`, `lib` and `include` of its prefix. */
export const prefixOf = (program: string): string => dirname(dirname(program));
