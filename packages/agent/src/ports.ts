import type { Clock, Exit, ManifestCommand, Random, StopSignal, Transport } from "orchestrator-core";

import type { User } from "./sandbox/sandbox.ts";

/** Where the agent's world begins. `real/` has the ones of production; a simulator and the tests pass their own. */
export interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly processes: Processes;
  /** How to speak to the daemon at `url`. `certificate`: it must have this one (PEM); null: one that is trusted. */
  connect(url: string, certificate: string | null): Transport;
  /** One line of NDJSON, without its line end. */
  log(line: string): void;
}

/** The one way to start, find and end processes. */
export interface Processes {
  readonly self: { readonly pid: number; readonly uid: number; readonly host: string };
  /** Of the machine's present boot: a pid and a start time mean nothing in another one. */
  readonly boot: string;
  /** What stands behind every command that is started here. */
  readonly supervisor: Supervisor;
  start(command: StartCommand): Started;
  /** Sends to every member of the group. One that is gone, or belongs to somebody else, is no error. */
  signal(pgid: number, signal: Signal): void;
  /** False: the group has no member left. One system call; true may still mean nothing but zombies. */
  mayExist(pgid: number): boolean;
  /** Live processes of the groups, and those whose initial environment held `mark`. Zombies do not count. */
  find(search: ProcessSearch): readonly ProcessFound[];
  /** Field 22 of /proc/PID/stat; null where the process is gone or a zombie. */
  startOf(pid: number): string | null;
}

/**
 * `keeper`: a process of its own holds the command's whole tree, and ends it with the command, with the lease and with
 * the agent, whatever that one died of. `none`: the agent itself ends what it finds, while it lives.
 */
export type Supervisor = "keeper" | "none";

/** What processes are asked to end with, and what ends them. */
export type Signal = StopSignal | "SIGKILL";

/** In a session and a process group of its own; stdin is /dev/null; `env` is all that it gets. */
export interface StartCommand {
  readonly file: string;
  readonly argv0: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Open file descriptors. The caller keeps and closes them. */
  readonly stdout: number;
  readonly stderr: number;
  /** `NAME=value` of its environment, by which processes that left its group are still known as its own. */
  readonly mark: string;
  /** What it is asked to end with, before SIGKILL. */
  readonly signal: StopSignal;
  /** When its lease is over, unless it is extended. A keeper then ends it, although nobody says so. */
  readonly lease_ms: number;
  /** What a keeper gives where nobody says how much. */
  readonly grace_ms: number;
  /** Set on each of its processes, as the keeper reads them. Without a keeper: none is. */
  readonly limits?: string;
  /**
   * What `file` was when it was judged, as the keeper reads it: one that has taken its place since is not started
   * (`REPLACED`). Without a keeper: whatever is there is.
   */
  readonly judged?: string;
  /** `file` is bubblewrap. Only a keeper can start it. */
  readonly contained?: { readonly inherited: readonly number[]; readonly user: User | null };
}

export interface Started {
  /** Null: it did not start, `ended` says why. Its pid is also the number of its process group. */
  readonly pid: Promise<number | null>;
  /** The command itself has ended. What it started may live on. */
  readonly ended: Promise<Ended>;
  /**
   * Ends whatever is left of it: its signal, a grace, SIGKILL, and looks after it until nothing is left or we give up.
   * `grace` is asked again and again, since an impatient user may take it back.
   */
  readonly end: (why: string, grace: () => number) => Promise<Ending>;
  /** Its lease is over in so many milliseconds from now. */
  readonly extend: (lease_ms: number) => void;
}

export type Ended =
  | {
      readonly started: true;
      /** Null: nobody can say. */
      readonly exit: Exit | null;
      readonly usage: ManifestCommand["usage"];
      /** Why its supervisor ended it, unasked. */
      readonly cut: string | null;
    }
  | { readonly started: false; readonly code: string; readonly message: string };

export interface Ending {
  readonly signalled: readonly ManifestCommand["signalled"][number][];
  /** Processes still there when we gave up. */
  readonly survivors: number;
}

export interface ProcessSearch {
  readonly pgids: readonly number[];
  /** `NAME=value` */
  readonly mark: string | null;
}

export interface ProcessFound {
  readonly pid: number;
  readonly pgid: number;
}

/**
 * The file system, by the calls that the agent makes. Synchronous, since for small files that is three times as
 * fast as promises. What fails throws an error with a `code` such as `ENOSPC`; "not there" is a value where said so.
 */
export interface Files {
  /** False: it exists already. */
  mkdir(path: string, mode: number): boolean;
  /** With its parents. The topmost directory that was created, or null when all were there. */
  mkdirs(path: string, mode: number): string | null;
  /** A new file to append to and to read from. Fails on what exists, links included. */
  openNew(path: string, mode: number): number;
  /** To read. Never waits, not even for a fifo. */
  openRead(path: string): number;
  /** The same. Null: the name is a link, which somebody else may have put there. */
  openPlain(path: string): number | null;
  /** Up to `into.length` bytes from `position`; 0 at the end. */
  read(fd: number, into: Uint8Array, position: number): number;
  write(fd: number, text: string): void;
  writeBytes(fd: number, bytes: Uint8Array): void;
  chmod(fd: number, mode: number): void;
  sync(fd: number): void;
  /** The same, beside other work: for files that take long. */
  syncLater(fd: number): Promise<void>;
  close(fd: number): void;
  statOpen(fd: number): FileStat;
  /** Follows links. Null: not there. */
  stat(path: string): FileStat | null;
  /** Follows no link. */
  exists(path: string): boolean;
  /** With all links followed. Null: not there. */
  realpath(path: string): string | null;
  mayExecute(path: string): boolean;
  /** Whether this user, without further groups, may write to a directory. */
  mayWrite(path: string, user: User): boolean;
  /** Makes a file or directory this user's. */
  giveTo(path: string, user: User): void;
  /** Sets the mode of a directory, if given, and syncs its entries. */
  syncDirectory(path: string, mode: number | null): void;
  rename(from: string, to: string): void;
  /** A second name for a file. False: the name is taken. */
  link(from: string, to: string): boolean;
  /** What is not there is no error. */
  remove(path: string): void;
  /** False: it is not an empty directory. */
  rmdir(path: string): boolean;
  removeTree(path: string): void;
  /** Names in a directory, sorted; empty where there is none. */
  list(path: string): readonly string[];
  /** Null: not there. */
  readText(path: string): string | null;
  /** Null: not there. */
  readBytes(path: string): Uint8Array | null;
  /** Creates the file or replaces what it holds. */
  writeText(path: string, text: string, mode: number): void;
  append(path: string, text: string): void;
}

export interface FileStat {
  readonly kind: "file" | "directory" | "other";
  /** Whoever starts it acts as another user or group. */
  readonly setid: boolean;
  readonly size: number;
  readonly device: bigint;
  readonly inode: bigint;
  readonly mtime_ns: bigint;
  readonly ctime_ns: bigint;
}
