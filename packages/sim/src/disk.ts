import { dirname } from "node:path";
import type { Dice } from "./random.ts";

/**
 * One machine's file system, in two layers. What processes see, and what survives a power cut: contents up to their
 * last sync, names up to their directory's last sync. Of the rest a power cut keeps some and loses some.
 *
 * 1. A process that dies loses nothing that it wrote.
 * 2. A rename is kept whole or lost whole. Unsynced changes of one directory are kept each by a coin of its own, or,
 *    as with an ordered journal, up to some point.
 * 3. Unsynced content is kept up to some byte.
 */
export interface FileNode {
  readonly kind: "file";
  readonly ino: number;
  data: Buffer;
  synced: Buffer;
  mode: number;
  changed: number;
}

export interface DirectoryNode {
  readonly kind: "directory";
  readonly ino: number;
  readonly entries: Map<string, Node>;
  readonly synced: Map<string, Node>;
  pending: Change[];
  mode: number;
  changed: number;
}

export type Node = FileNode | DirectoryNode;

interface Change {
  readonly remove?: string;
  readonly add?: { readonly name: string; readonly node: Node };
}

const EMPTY = Buffer.alloc(0);

export class FileError extends Error {
  readonly code: string;
  constructor(code: string, path: string) {
    super(`${code}: ${path}`);
    this.code = code;
  }
}

export class Disk {
  root: DirectoryNode;
  /** Bytes and names that power cuts lost. */
  lost = 0;
  #inodes = 1;
  #clock = 0;

  constructor() {
    this.root = this.#newDirectory(0o755);
  }

  // what is there

  node(path: string): Node | null {
    let node: Node = this.root;
    for (let from = 0; from < path.length; ) {
      const slash = path.indexOf("/", from);
      const to = slash < 0 ? path.length : slash;
      const name = path.slice(from, to);
      from = to + 1;
      if (name === "" || name === ".") continue;
      if (node.kind !== "directory") return null;
      const next = node.entries.get(name);
      if (next === undefined) return null;
      node = next;
    }
    return node;
  }

  file(path: string): FileNode | null {
    const node = this.node(path);
    return node?.kind === "file" ? node : null;
  }

  directory(path: string): DirectoryNode {
    const node = this.node(path);
    if (node === null) throw new FileError("ENOENT", path);
    if (node.kind !== "directory") throw new FileError("ENOTDIR", path);
    return node;
  }

  list(path: string): string[] {
    const node = this.node(path);
    return node?.kind === "directory" ? [...node.entries.keys()].sort() : [];
  }

  // what changes it

  addFile(path: string, mode: number): FileNode {
    const parent = this.#parent(path);
    const node: FileNode = { kind: "file", ino: ++this.#inodes, data: EMPTY, synced: EMPTY, mode, changed: 0 };
    this.#touch(node);
    this.#change(parent, { add: { name: nameOf(path), node } });
    return node;
  }

  addDirectory(path: string, mode: number): void {
    this.#change(this.#parent(path), { add: { name: nameOf(path), node: this.#newDirectory(mode) } });
  }

  addLink(path: string, node: FileNode): void {
    this.#change(this.#parent(path), { add: { name: nameOf(path), node } });
  }

  remove(path: string): void {
    this.#change(this.#parent(path), { remove: nameOf(path) });
  }

  rename(from: string, to: string): void {
    const node = this.node(from);
    if (node === null) throw new FileError("ENOENT", from);
    const there = this.node(to);
    if (there?.kind === "directory" && (node.kind !== "directory" || there.entries.size > 0)) {
      throw new FileError("ENOTEMPTY", to);
    }
    const source = this.#parent(from);
    const target = this.#parent(to);
    if (source !== target) throw new FileError("EXDEV", `${from} to ${to}: the simulated disk renames in place only`);
    this.#change(source, { remove: nameOf(from), add: { name: nameOf(to), node } });
  }

  append(node: FileNode, bytes: Buffer): void {
    node.data = node.data.length === 0 ? bytes : Buffer.concat([node.data, bytes]);
    this.#touch(node);
  }

  truncate(node: FileNode): void {
    node.data = EMPTY;
    this.#touch(node);
  }

  setMode(node: Node, mode: number): void {
    node.mode = mode;
    this.#touch(node);
  }

  syncFile(node: FileNode): void {
    node.synced = node.data;
  }

  syncDirectory(node: DirectoryNode): void {
    for (const change of node.pending) carryOut(node.synced, change);
    node.pending = [];
  }

  /** A power cut: what was not synced is kept or lost. */
  crash(dice: Dice): void {
    const ordered = dice.chance(0.5);
    const visit = (directory: DirectoryNode): void => {
      const kept = ordered ? dice.int(0, directory.pending.length) : 0;
      directory.pending.forEach((change, i) => {
        if (ordered ? i < kept : dice.chance(0.5)) carryOut(directory.synced, change);
        else this.lost++;
      });
      directory.pending = [];
      directory.entries.clear();
      for (const [name, node] of directory.synced) {
        directory.entries.set(name, node);
        if (node.kind === "directory") visit(node);
        else this.#crashFile(node, dice);
      }
    };
    visit(this.root);
  }

  #crashFile(node: FileNode, dice: Dice): void {
    if (node.data === node.synced) return;
    const appended =
      node.data.length >= node.synced.length && node.data.subarray(0, node.synced.length).equals(node.synced);
    const before = node.data.length;
    // replaced content: the old, none, or a part of the new
    if (!appended && dice.chance(0.3)) node.data = node.synced;
    else {
      const from = appended ? node.synced.length : 0;
      node.data = node.data.subarray(0, dice.int(from, node.data.length));
    }
    if (node.data.length < before) this.lost++;
    node.synced = node.data;
  }

  /** Names and contents, for checkers: every file beneath a directory with its path. */
  *files(path: string): Generator<{ readonly path: string; readonly node: FileNode }> {
    const node = this.node(path);
    if (node?.kind !== "directory") return;
    for (const [name, child] of node.entries) {
      if (child.kind === "file") yield { path: `${path}/${name}`, node: child };
      else yield* this.files(`${path}/${name}`);
    }
  }

  #newDirectory(mode: number): DirectoryNode {
    const ino = ++this.#inodes;
    return { kind: "directory", ino, entries: new Map(), synced: new Map(), pending: [], mode, changed: 0 };
  }

  #parent(path: string): DirectoryNode {
    const parent = this.directory(dirname(path));
    if ((parent.mode & 0o200) === 0) throw new FileError("EACCES", path);
    return parent;
  }

  #change(directory: DirectoryNode, change: Change): void {
    carryOut(directory.entries, change);
    directory.pending.push(change);
    this.#touch(directory);
  }

  #touch(node: Node): void {
    node.changed = ++this.#clock;
  }
}

function carryOut(entries: Map<string, Node>, { remove, add }: Change): void {
  if (remove !== undefined) entries.delete(remove);
  if (add !== undefined) entries.set(add.name, add.node);
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
