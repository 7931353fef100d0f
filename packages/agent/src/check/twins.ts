import { isKnownProgram } from "orchestrator-core";
import type { Files, FileStat } from "../ports.ts";

/** Where a system keeps its programs. */
const DIRECTORIES = ["/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin"];
const CHUNK_BYTES = 64 * 1024;

/**
 * Finds out whether a file is an installed program that policy knows, under another name: a hard link, or a copy byte
 * for byte. It cannot know one that was changed in a byte; what that may do is for a sandbox to say.
 */
export interface Twins {
  /** The path of the installed program, or null. */
  of(path: string, stat: FileStat): string | null;
}

export function makeTwins(files: Files): Twins {
  let bySize: Map<number, { readonly path: string; readonly stat: FileStat }[]> | null = null;
  return {
    of(path, stat) {
      bySize ??= installed(files);
      for (const other of bySize.get(stat.size) ?? []) {
        const linked = other.stat.device === stat.device && other.stat.inode === stat.inode;
        if (linked || sameBytes(files, path, other.path)) return other.path;
      }
      return null;
    },
  };
}

/** Looked up once: a program that is installed while the agent runs is known after its next start. */
function installed(files: Files): Map<number, { path: string; stat: FileStat }[]> {
  const bySize = new Map<number, { path: string; stat: FileStat }[]>();
  for (const directory of DIRECTORIES) {
    for (const name of files.list(directory)) {
      if (!isKnownProgram(name)) continue;
      const path = `${directory}/${name}`;
      const stat = files.stat(path);
      if (stat?.kind !== "file") continue;
      const others = bySize.get(stat.size);
      if (others === undefined) bySize.set(stat.size, [{ path, stat }]);
      else others.push({ path, stat });
    }
  }
  return bySize;
}

function sameBytes(files: Files, a: string, b: string): boolean {
  const fds: number[] = [];
  try {
    fds.push(files.openRead(a), files.openRead(b));
    const [one, other] = [new Uint8Array(CHUNK_BYTES), new Uint8Array(CHUNK_BYTES)];
    for (let position = 0; ; position += CHUNK_BYTES) {
      const length = files.read(fds[0]!, one, position);
      if (files.read(fds[1]!, other, position) !== length) return false;
      if (Buffer.compare(one.subarray(0, length), other.subarray(0, length)) !== 0) return false;
      if (length < CHUNK_BYTES) return true;
    }
  } catch {
    // what cannot be read cannot be compared; a program that cannot be read is refused elsewhere
    return false;
  } finally {
    for (const fd of fds) files.close(fd);
  }
}
