import { liesBeneath, type ManifestCommand } from "orchestrator-core";
import type { Files, FileStat, Ports } from "../ports.ts";
import { hashOpen } from "../bundle/hash.ts";
import type { FoundProgram } from "./program.ts";

export type ProgramRecord = NonNullable<ManifestCommand["program"]>;

/** What is known of a program's file. The hash is computed beside the running command: node's takes 0.1 s or more. */
export interface ProgramFacts {
  /** Null: neither of the two. */
  readonly format: "elf" | "script" | null;
  /** First line of a script, without `#!`. */
  readonly interpreter: string | null;
  /** Null: the file changed while it was read. */
  readonly sha256: string | Promise<string | null>;
}

/** Remembers files by (device, inode, size, mtime, ctime): whoever changes the content changes one of these. */
export interface Programs {
  /** Throws where the file cannot be read. */
  look(found: FoundProgram): ProgramFacts;
}

const REMEMBERED_MAX = 512;
const HEAD_BYTES = 256;

export function makePrograms(ports: Pick<Ports, "clock" | "files">): Programs {
  const known = new Map<string, ProgramFacts>();
  return {
    look({ realpath, stat }) {
      const key = keyOf(stat);
      const remembered = known.get(key);
      if (remembered !== undefined) return remembered;
      const facts = read(ports, realpath, stat, (sha256) => {
        if (sha256 === null) known.delete(key);
        else known.set(key, { ...facts, sha256 });
      });
      if (known.size >= REMEMBERED_MAX) known.clear();
      known.set(key, facts);
      return facts;
    },
  };
}

function read(
  ports: Pick<Ports, "clock" | "files">,
  realpath: string,
  stat: FileStat,
  hashed: (sha256: string | null) => void,
): ProgramFacts {
  const { files } = ports;
  // held open from before the start, so that a command that replaces its own file is recorded as what ran
  const fd = files.openRead(realpath);
  let head: string;
  try {
    head = readHead(files, fd);
  } catch (error) {
    files.close(fd);
    throw error;
  }
  const isScript = head.startsWith("#!");
  const sha256 = hashProgram(ports, fd, stat).then((value) => {
    hashed(value);
    return value;
  });
  // whoever awaits it sees the error; where nobody does, it is not one
  sha256.catch(() => undefined);
  return {
    format: isScript ? "script" : head.startsWith("\x7fELF") ? "elf" : null,
    interpreter: isScript ? head.slice(2).split("\n")[0]!.trim() : null,
    sha256,
  };
}

async function hashProgram(ports: Pick<Ports, "clock" | "files">, fd: number, stat: FileStat): Promise<string | null> {
  try {
    const { sha256 } = await hashOpen(ports, fd);
    return keyOf(ports.files.statOpen(fd)) === keyOf(stat) ? sha256 : null;
  } finally {
    ports.files.close(fd);
  }
}

function readHead(files: Files, fd: number): string {
  const head = new Uint8Array(HEAD_BYTES);
  const length = files.read(fd, head, 0);
  return Buffer.from(head.subarray(0, length)).toString("latin1");
}

/**
 * The file as the keeper compares it, see `StartCommand.judged`. A program of the workspace, where others may write, is
 * started by its descriptor; all others by their paths, which are their names in lists of processes.
 */
export function judgedFile({ realpath, stat }: FoundProgram, { format }: ProgramFacts, workspace: string): string {
  const how = format === "elf" && liesBeneath(workspace, realpath) ? "d" : "p";
  return `${how} ${keyOf(stat)}`;
}

const keyOf = (s: FileStat): string => `${s.device} ${s.inode} ${s.size} ${s.mtime_ns} ${s.ctime_ns}`;
