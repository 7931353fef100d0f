import * as fs from "node:fs";
import type { FileStat, Files } from "../ports.ts";

const { constants: c } = fs;

export const realFiles: Files = {
  mkdir(path, mode) {
    return unless("EEXIST", false, () => {
      fs.mkdirSync(path, { mode });
      return true;
    });
  },
  mkdirs: (path, mode) => fs.mkdirSync(path, { recursive: true, mode }) ?? null,
  openNew: (path, mode) => fs.openSync(path, c.O_RDWR | c.O_CREAT | c.O_EXCL | c.O_APPEND | c.O_NOFOLLOW, mode),
  openRead: (path) => fs.openSync(path, c.O_RDONLY | c.O_NONBLOCK | c.O_NOCTTY),
  openPlain: (path) =>
    unless("ELOOP", null, () => fs.openSync(path, c.O_RDONLY | c.O_NONBLOCK | c.O_NOCTTY | c.O_NOFOLLOW)),
  read: (fd, into, position) => fs.readSync(fd, into, 0, into.length, position),
  write: (fd, text) => realFiles.writeBytes(fd, Buffer.from(text)),
  writeBytes(fd, bytes) {
    for (let done = 0; done < bytes.length; ) done += fs.writeSync(fd, bytes, done);
  },
  chmod: fs.fchmodSync,
  sync: fs.fsyncSync,
  syncLater: (fd) =>
    new Promise((resolve, reject) => fs.fsync(fd, (error) => (error === null ? resolve() : reject(error)))),
  close: fs.closeSync,
  statOpen: (fd) => statOf(fs.fstatSync(fd, { bigint: true })),
  stat(path) {
    return unless("ENOTDIR", null, () => {
      const stat = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
      return stat === undefined ? null : statOf(stat);
    });
  },
  exists: (path) => fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined,
  realpath: (path) =>
    unless("ELOOP", null, () =>
      unless("ENOTDIR", null, () => unless("ENOENT", null, () => fs.realpathSync.native(path))),
    ),
  mayExecute(path) {
    try {
      fs.accessSync(path, c.X_OK);
      return true;
    } catch {
      return false;
    }
  },
  mayWrite(path, { uid, gid }) {
    const stat = fs.statSync(path);
    const shift = stat.uid === uid ? 6 : stat.gid === gid ? 3 : 0;
    return ((stat.mode >> shift) & 0o3) === 0o3;
  },
  giveTo: (path, { uid, gid }) => fs.lchownSync(path, uid, gid),
  syncDirectory(path, mode) {
    const fd = fs.openSync(path, c.O_RDONLY | c.O_DIRECTORY | c.O_NOFOLLOW);
    try {
      if (mode !== null) fs.fchmodSync(fd, mode);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  },
  rename: fs.renameSync,
  link(from, to) {
    return unless("EEXIST", false, () => {
      fs.linkSync(from, to);
      return true;
    });
  },
  remove: (path) => unless("ENOENT", undefined, () => fs.unlinkSync(path)),
  rmdir(path) {
    try {
      fs.rmdirSync(path);
      return true;
    } catch {
      return false;
    }
  },
  removeTree: (path) => fs.rmSync(path, { recursive: true, force: true }),
  list: (path) => unless("ENOTDIR", [], () => unless("ENOENT", [], () => fs.readdirSync(path).sort())),
  readText: (path) => unless("ENOENT", null, () => fs.readFileSync(path, "utf8")),
  readBytes: (path) => unless("ENOENT", null, () => fs.readFileSync(path)),
  writeText: (path, text, mode) => fs.writeFileSync(path, text, { mode }),
  append: (path, text) => fs.appendFileSync(path, text),
};

function unless<T>(code: string, otherwise: T, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === code) return otherwise;
    throw error;
  }
}

function statOf(stat: fs.BigIntStats): FileStat {
  return {
    kind: stat.isFile() ? "file" : stat.isDirectory() ? "directory" : "other",
    setid: stat.isFile() && (stat.mode & 0o6000n) !== 0n,
    size: Number(stat.size),
    device: stat.dev,
    inode: stat.ino,
    mtime_ns: stat.mtimeNs,
    ctime_ns: stat.ctimeNs,
  };
}
