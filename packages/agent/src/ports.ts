import type { Clock, Exit, Random, Transport } from "orchestrator-core";

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

export type Signal = "SIGTERM" | "SIGKILL";

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
}

export interface Started {
  /** Also the number of its process group. Null: it did not start, `ended` says why. */
  readonly pid: number | null;
  readonly ended: Promise<Ended>;
}

export type Ended =
  | { readonly started: true; readonly exit: Exit }
  | { readonly started: false; readonly code: string; readonly message: string };

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
  /** Up to `into.length` bytes from `position`; 0 at the end. */
  read(fd: number, into: Uint8Array, position: number): number;
  write(fd: number, text: string): void;
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
  /** Creates the file or replaces what it holds. */
  writeText(path: string, text: string, mode: number): void;
  append(path: string, text: string): void;
}

export interface FileStat {
  readonly kind: "file" | "directory" | "other";
  readonly size: number;
  readonly device: bigint;
  readonly inode: bigint;
  readonly mtime_ns: bigint;
  readonly ctime_ns: bigint;
}
