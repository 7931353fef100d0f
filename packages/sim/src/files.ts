import { dirname } from "node:path";
import type { Files, FileStat } from "orchestrator-agent";
import { type Disk, FileError, type FileNode, type Node } from "./disk.ts";

/** What may happen to one call before it is carried out. */
export interface FileFaults {
  /** Before each call that changes something: may throw an error of the disk, or `Dead`. */
  before(call: string, path: string): void;
  /** After it: may throw `Dead`. */
  after(call: string, path: string): void;
  check(): void;
}

/** The file descriptors of one process. Commands write to those that they were given. */
export class Descriptors {
  readonly #open = new Map<number, FileNode>();
  readonly #paths = new Map<number, string>();
  #next = 3;

  open(node: FileNode, path: string): number {
    const fd = this.#next++;
    this.#open.set(fd, node);
    this.#paths.set(fd, path);
    return fd;
  }

  node(fd: number): FileNode {
    const node = this.#open.get(fd);
    if (node === undefined) throw new FileError("EBADF", String(fd));
    return node;
  }

  path = (fd: number): string => this.#paths.get(fd) ?? "?";

  close(fd: number): void {
    this.node(fd);
    this.#open.delete(fd);
    this.#paths.delete(fd);
  }

  get count(): number {
    return this.#open.size;
  }
}

/** The agent's view of a simulated disk. */
export function makeFiles(disk: Disk, descriptors: Descriptors, faults: FileFaults): Files {
  function change<T>(call: string, path: string, act: () => T): T {
    faults.before(call, path);
    const value = act();
    faults.after(call, path);
    return value;
  }

  function look<T>(act: () => T): T {
    faults.check();
    return act();
  }

  function write(node: FileNode, text: string): void {
    disk.append(node, Buffer.from(text));
  }

  function fileFor(path: string, mode: number): FileNode {
    const node = disk.node(path);
    if (node?.kind === "directory") throw new FileError("EISDIR", path);
    if (node !== null && (node.mode & 0o200) === 0) throw new FileError("EACCES", path);
    return node ?? disk.addFile(path, mode);
  }

  function mkdirs(path: string, mode: number): string | null {
    const node = disk.node(path);
    if (node?.kind === "directory") return null;
    if (node !== null) throw new FileError("EEXIST", path);
    const above = mkdirs(dirname(path), mode);
    disk.addDirectory(path, mode);
    return above ?? path;
  }

  function openRead(path: string): number {
    return look(() => {
      const node = disk.node(path);
      if (node === null) throw new FileError("ENOENT", path);
      if (node.kind !== "file") throw new FileError("EISDIR", path);
      return descriptors.open(node, path);
    });
  }

  function removeTree(path: string): void {
    const node = disk.node(path);
    if (node === null) return;
    if (node.kind === "directory") for (const name of node.entries.keys()) removeTree(`${path}/${name}`);
    disk.remove(path);
  }

  return {
    mkdir: (path, mode) =>
      change("mkdir", path, () => {
        if (disk.node(path) !== null) return false;
        disk.addDirectory(path, mode);
        return true;
      }),
    mkdirs: (path, mode) => change("mkdirs", path, () => mkdirs(path, mode)),
    openNew: (path, mode) =>
      change("openNew", path, () => {
        if (disk.node(path) !== null) throw new FileError("EEXIST", path);
        return descriptors.open(disk.addFile(path, mode), path);
      }),
    openRead,
    openPlain: openRead,
    mayWrite: () => true,
    giveTo: () => undefined,
    read: (fd, into, position) => look(() => descriptors.node(fd).data.copy(into, 0, position)),
    write: (fd, text) => change("write", descriptors.path(fd), () => write(descriptors.node(fd), text)),
    writeBytes: (fd, bytes) =>
      change("write", descriptors.path(fd), () => disk.append(descriptors.node(fd), Buffer.from(bytes))),
    chmod: (fd, mode) => change("chmod", descriptors.path(fd), () => disk.setMode(descriptors.node(fd), mode)),
    sync: (fd) => change("sync", descriptors.path(fd), () => disk.syncFile(descriptors.node(fd))),
    syncLater: async (fd) => change("sync", descriptors.path(fd), () => disk.syncFile(descriptors.node(fd))),
    close: (fd) => look(() => descriptors.close(fd)),
    statOpen: (fd) => look(() => statOf(descriptors.node(fd))),
    stat: (path) =>
      look(() => {
        const node = disk.node(path);
        return node === null ? null : statOf(node);
      }),
    exists: (path) => look(() => disk.node(path) !== null),
    realpath: (path) => look(() => (disk.node(path) === null ? null : clean(path))),
    mayExecute: (path) => look(() => ((disk.node(path)?.mode ?? 0) & 0o111) !== 0),
    syncDirectory: (path, mode) =>
      change("syncDirectory", path, () => {
        const node = disk.directory(path);
        if (mode !== null) disk.setMode(node, mode);
        disk.syncDirectory(node);
      }),
    rename: (from, to) => change("rename", to, () => disk.rename(from, to)),
    link: (from, to) =>
      change("link", to, () => {
        const node = disk.file(from);
        if (node === null) throw new FileError("ENOENT", from);
        if (disk.node(to) !== null) return false;
        disk.addLink(to, node);
        return true;
      }),
    remove: (path) =>
      change("remove", path, () => {
        if (disk.node(path) !== null) disk.remove(path);
      }),
    rmdir: (path) =>
      change("rmdir", path, () => {
        const node = disk.node(path);
        if (node?.kind !== "directory" || node.entries.size > 0) return false;
        disk.remove(path);
        return true;
      }),
    removeTree: (path) => change("removeTree", path, () => removeTree(path)),
    list: (path) => look(() => disk.list(path)),
    readBytes: (path) =>
      look(() => {
        const node = disk.node(path);
        return node?.kind === "file" ? node.data : null;
      }),
    readText: (path) =>
      look(() => {
        const node = disk.node(path);
        if (node?.kind === "directory") throw new FileError("EISDIR", path);
        return node === null ? null : node.data.toString("utf8");
      }),
    // as open(2) with O_TRUNC and then write(2): a process can die between the two
    writeText(path, text, mode) {
      const node = change("truncate", path, () => {
        const file = fileFor(path, mode);
        disk.truncate(file);
        return file;
      });
      change("write", path, () => write(node, text));
    },
    append: (path, text) => change("append", path, () => write(fileFor(path, 0o666), text)),
  };
}

function statOf(node: Node): FileStat {
  return {
    kind: node.kind,
    setid: false,
    size: node.kind === "file" ? node.data.length : 0,
    device: 1n,
    inode: BigInt(node.ino),
    mtime_ns: BigInt(node.changed),
    ctime_ns: BigInt(node.changed),
  };
}

const clean = (path: string): string =>
  `/${path
    .split("/")
    .filter((name) => name !== "" && name !== ".")
    .join("/")}`;
