// Executors that execute nothing.
import { join } from "node:path";

/** Above every pid that Linux gives. */
const FIRST_PID = 2 ** 30;

/** Every command ends well at once, and none is started. */
export function noProcesses(real) {
  let pid = FIRST_PID;
  return {
    ...real,
    start: () => ({
      pid: Promise.resolve(pid++),
      ended: Promise.resolve({ started: true, exit: { code: 0, signal: null }, usage: null, cut: null }),
      end: async () => ({ signalled: [], survivors: 0 }),
      extend: () => {},
    }),
    mayExist: () => false,
    startOf: (asked) => (asked >= FIRST_PID ? "0" : real.startOf(asked)),
  };
}

const EMPTY = { kind: "file", size: 0, device: 0n, inode: 0n, mtime_ns: 0n, ctime_ns: 0n, setid: false };

/** Files of jobs (bundles, what is held, scratch) are taken and forgotten; all others are real. */
export function forgetfulFiles(real, state) {
  const runs = join(state, "runs");
  const ofJobs = (path) => path.startsWith(runs) || path.includes("/held/") || path.includes("/scratch/");
  const FIRST_FD = 2 ** 30;
  const path =
    (name, instead) =>
    (first, ...rest) =>
      ofJobs(first) ? instead : real[name](first, ...rest);
  const fd =
    (name, instead) =>
    (first, ...rest) =>
      first >= FIRST_FD ? instead : real[name](first, ...rest);
  let next_fd = FIRST_FD;
  const forgetful = {
    mkdir: path("mkdir", true),
    mkdirs: path("mkdirs", null),
    openNew: (name, mode) => (ofJobs(name) ? next_fd++ : real.openNew(name, mode)),
    openRead: real.openRead,
    openPlain: (name) => (ofJobs(name) ? next_fd++ : real.openPlain(name)),
    read: fd("read", 0),
    write: fd("write", undefined),
    writeBytes: fd("writeBytes", undefined),
    chmod: fd("chmod", undefined),
    sync: fd("sync", undefined),
    syncLater: fd("syncLater", Promise.resolve()),
    close: fd("close", undefined),
    statOpen: fd("statOpen", EMPTY),
    stat: path("stat", EMPTY),
    exists: (name) => (ofJobs(name) ? name.includes("/scratch/") : real.exists(name)),
    realpath: real.realpath,
    mayExecute: real.mayExecute,
    mayWrite: path("mayWrite", true),
    giveTo: path("giveTo", undefined),
    syncDirectory: path("syncDirectory", undefined),
    rename: path("rename", undefined),
    link: path("link", true),
    remove: path("remove", undefined),
    rmdir: path("rmdir", true),
    removeTree: path("removeTree", undefined),
    list: path("list", []),
    readText: path("readText", null),
    readBytes: path("readBytes", new Uint8Array()),
    writeText: path("writeText", undefined),
    append: path("append", undefined),
  };
  const unknown = Object.keys(real).filter((name) => !(name in forgetful));
  if (unknown.length > 0) throw new Error(`the bench's files do not know what to do about ${unknown.join(", ")}`);
  return forgetful;
}
