import { type Files, realFiles, type User } from "orchestrator-agent";

/** `before` the call, `after` it, or with half of its text written. */
export type Cut = "before" | "half" | "after";

export interface FilePoint {
  readonly op: number;
  readonly cut: Cut;
}

export class Crashed extends Error {
  override name = "Crashed";
}

/** One process's sight of the real file system. It dies at one of its calls, and nothing that it calls later happens. */
export interface CrashFiles {
  readonly files: Files;
  /** Every call so far that writes, syncs, renames or removes; `text`: it could be cut in half. */
  readonly calls: readonly { readonly name: string; readonly text: boolean }[];
  readonly dead: () => boolean;
  readonly die: () => void;
}

const CHANGES = [
  "mkdir",
  "mkdirs",
  "openNew",
  "chmod",
  "sync",
  "syncDirectory",
  "rename",
  "link",
  "remove",
  "rmdir",
  "removeTree",
] as const satisfies (keyof Files)[];

export function crashFiles(point: FilePoint | null, onDeath: () => void): CrashFiles {
  const calls: { name: string; text: boolean }[] = [];
  const open = new Set<number>();
  let dead = false;

  function die(): void {
    if (dead) return;
    dead = true;
    // as the kernel does for a process that is gone
    for (const fd of open) realFiles.close(fd);
    open.clear();
    onDeath();
  }

  function alive(): void {
    if (dead) throw new Crashed("this process is gone");
  }

  function crash(): never {
    die();
    throw new Crashed("it died here");
  }

  /** `half` does the call in part, where that is possible. */
  function change<T>(name: string, act: () => T, half: (() => void) | null): T {
    alive();
    calls.push({ name, text: half !== null });
    const cut = point?.op === calls.length ? point.cut : null;
    if (cut === "before") crash();
    if (cut === "half") {
      half?.();
      crash();
    }
    const done = act();
    if (cut === "after") crash();
    return done;
  }

  const begun = (text: string): string => text.slice(0, Math.floor(text.length / 2));
  const changing = Object.fromEntries(
    CHANGES.map((name) => {
      const act = realFiles[name] as (...args: unknown[]) => unknown;
      return [name, (...args: unknown[]) => change(name, () => act(...args), null)];
    }),
  ) as Pick<Files, (typeof CHANGES)[number]>;
  /** Reads of a dead process find nothing: what it does with that stays without effect. */
  const unlessDead = <A extends unknown[], T>(nothing: T, act: (...args: A) => T) => {
    return (...args: A): T => (dead ? nothing : act(...args));
  };
  const opened = (fd: number): number => {
    open.add(fd);
    return fd;
  };

  return {
    files: {
      ...changing,
      read: unlessDead(0, (fd: number, into: Uint8Array, position: number) => realFiles.read(fd, into, position)),
      stat: unlessDead(null, (path: string) => realFiles.stat(path)),
      exists: unlessDead(false, (path: string) => realFiles.exists(path)),
      realpath: unlessDead(null, (path: string) => realFiles.realpath(path)),
      mayExecute: unlessDead(false, (path: string) => realFiles.mayExecute(path)),
      list: unlessDead<[string], readonly string[]>([], (path) => realFiles.list(path)),
      readText: unlessDead(null, (path: string) => realFiles.readText(path)),
      readBytes: unlessDead(null, (path: string) => realFiles.readBytes(path)),
      statOpen(fd) {
        alive();
        return realFiles.statOpen(fd);
      },
      openNew: (path, mode) => opened(changing.openNew(path, mode)),
      openRead(path) {
        alive();
        return opened(realFiles.openRead(path));
      },
      openPlain(path) {
        alive();
        const fd = realFiles.openPlain(path);
        return fd === null ? null : opened(fd);
      },
      mayWrite: unlessDead(false, (path: string, user: User) => realFiles.mayWrite(path, user)),
      giveTo(path, user) {
        alive();
        realFiles.giveTo(path, user);
      },
      close(fd) {
        // of a dead process they are closed already
        if (open.delete(fd)) realFiles.close(fd);
      },
      writeBytes: (fd, bytes) =>
        change(
          "write",
          () => realFiles.writeBytes(fd, bytes),
          () => realFiles.writeBytes(fd, bytes.subarray(0, bytes.length / 2)),
        ),
      write: (fd, text) =>
        change(
          "write",
          () => realFiles.write(fd, text),
          () => realFiles.write(fd, begun(text)),
        ),
      writeText: (path, text, mode) =>
        change(
          "writeText",
          () => realFiles.writeText(path, text, mode),
          () => realFiles.writeText(path, begun(text), mode),
        ),
      append: (path, text) =>
        change(
          "append",
          () => realFiles.append(path, text),
          () => realFiles.append(path, begun(text)),
        ),
      async syncLater(fd) {
        change("syncLater", () => undefined, null);
        await realFiles.syncLater(fd);
        alive();
      },
    },
    calls,
    dead: () => dead,
    die,
  };
}
