import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  write,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { ProblemError } from "orchestrator-core";
import { CommitFailed, type DurableStore } from "./store/store.ts";

/**
 * The high-water mark: the number of the last commit, kept outside the store. A store whose log is damaged in its
 * middle opens without a word and without what came after; the mark is what notices.
 *
 * 1. It is written after the commit that it names, and is on disk before the callers of that commit are answered:
 *    so it never names a commit that was not stored, and always the last that was acknowledged.
 * 2. A store ahead of the mark is normal: the process ended between the two. A store behind it is refused.
 * 3. Two slots take turns, each a record with a checksum in a block of its own: a write that is torn destroys the
 *    older of the two, and was not yet answered for.
 */
export interface Mark {
  /** The store's identity: numbers of another store mean nothing. */
  readonly store: string;
  readonly commit: number;
}

export const MARK_FILE = "commit.mark";

const SLOT_BYTES = 4_096;
const RECORD_BYTES = 128;

function record({ store, commit }: Mark): Buffer {
  const text = `orchestrator-mark 1 store ${store} commit ${String(commit).padStart(15, "0")}`;
  return Buffer.from(`${text} ${checksum(text)}`.padEnd(RECORD_BYTES - 1).concat("\n"), "latin1");
}

const checksum = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);

function parseRecord(bytes: Buffer): Mark | null {
  const match = /^(orchestrator-mark 1 store ([0-9a-f]{32}) commit ([0-9]{15})) ([0-9a-f]{16}) *\n/.exec(
    bytes.toString("latin1"),
  );
  if (match === null || checksum(match[1]!) !== match[4]) return null;
  return { store: match[2]!, commit: Number(match[3]) };
}

interface Slots {
  /** The higher of those that are whole. */
  readonly mark: Mark;
  readonly slot: 0 | 1;
}

/** Null where there is no file; `damaged` where neither record is whole. */
function readSlots(path: string): Slots | "damaged" | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const [first, second] = ([0, 1] as const).map((slot) =>
    parseRecord(bytes.subarray(slot * SLOT_BYTES, slot * SLOT_BYTES + RECORD_BYTES)),
  ) as [Mark | null, Mark | null];
  if (first === null && second === null) return "damaged";
  return second === null || (first !== null && first.commit >= second.commit)
    ? { mark: first!, slot: 0 }
    : { mark: second, slot: 1 };
}

/** The mark in a state directory; null where there is none that can be read. */
export function readMark(state: string): Mark | null {
  const found = readSlots(join(state, MARK_FILE));
  return found === null || found === "damaged" ? null : found.mark;
}

/** Makes the file anew, with both slots, so that writing a record later changes no size and no name. */
export function makeMark(state: string, mark: Mark): void {
  const path = join(state, MARK_FILE);
  const file = openSync(`${path}.new`, "w", 0o600);
  try {
    const bytes = Buffer.alloc(2 * SLOT_BYTES);
    for (const slot of [0, 1]) record(mark).copy(bytes, slot * SLOT_BYTES);
    writeSync(file, bytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
  const directory = openSync(dirname(path), "r");
  fsyncSync(directory);
  closeSync(directory);
}

/**
 * Before the store is opened, which would make a new one: throws `ProblemError` (`store-behind`) where there is none and
 * the mark names a commit. A disk that is not mounted looks like this.
 */
export function checkStoreIsThere(state: string, directory: string): void {
  const mark = readMark(state);
  if (mark === null || mark.commit === 0) return;
  if (existsSync(directory) && readdirSync(directory).length > 0) return;
  throw behind(directory, "is not there", mark, join(state, MARK_FILE), "mount its disk, or restore a backup:");
}

/** What the start found out about the mark, for the log. */
export type Note = (message: string) => void;

/**
 * The store, with its commits marked. Throws `ProblemError` (`store-behind`) where the store lacks what the mark names. A store
 * in memory has no mark.
 */
export function keepMark(store: DurableStore, state: string, note: Note): DurableStore {
  if (store.url.startsWith("mem:")) return store;
  const path = join(state, MARK_FILE);
  const found = readSlots(path);
  const { identity, commit_max } = store;
  if (found !== null && found !== "damaged" && isBehind(store, found.mark)) {
    const has = commit_max === 0 ? "has no commit" : `ends at commit ${commit_max}`;
    const directory = store.url.replace(/^[a-z+]+:\/\//, "");
    throw behind(directory, has, found.mark, path, `restore a backup: mv ${directory} ${directory}.old;`);
  }
  let slot: 0 | 1 = 0;
  if (found !== null && found !== "damaged" && found.mark.store === identity) slot = found.slot;
  else {
    if (commit_max > 0) note(`${whatIsWrong(found)}: a new one begins at commit ${commit_max}`);
    makeMark(state, { store: identity, commit: commit_max });
  }
  // each write is on disk when it returns, in one call: no rename, no change of size
  const file = openSync(path, constants.O_WRONLY | constants.O_DSYNC);
  const commit: DurableStore["commit"] = async (what) => {
    await store.commit(what);
    slot = slot === 0 ? 1 : 0;
    await writeRecord(file, slot, { store: identity, commit: what.number });
  };
  const close = async (): Promise<void> => {
    await store.close();
    closeSync(file);
  };
  return Object.assign(Object.create(store) as DurableStore, { commit, close });
}

function writeRecord(file: number, slot: 0 | 1, mark: Mark): Promise<void> {
  return new Promise((resolve, reject) => {
    write(file, record(mark), 0, RECORD_BYTES, slot * SLOT_BYTES, (error, written) => {
      if (error === null && written === RECORD_BYTES) return resolve();
      // the commit is stored, but nobody may hear of it: a rollback of it would go unnoticed
      const why = error === null ? `only ${written} bytes were taken` : error.message;
      reject(new CommitFailed("unknown", `the mark of commit ${mark.commit} could not be written: ${why}`));
    });
  });
}

/** An empty store is behind whatever it is called: with its log its identity is gone, too. */
const isBehind = ({ identity, commit_max }: DurableStore, mark: Mark): boolean =>
  commit_max < mark.commit && (mark.store === identity || commit_max === 0);

const whatIsWrong = (found: Slots | "damaged" | null): string =>
  found === null
    ? `there is no ${MARK_FILE}`
    : found === "damaged"
      ? `${MARK_FILE} cannot be read`
      : `${MARK_FILE} is of another store`;

function behind(directory: string, has: string, mark: Mark, path: string, way_back: string): ProblemError {
  return new ProblemError({
    code: "store-behind",
    message:
      `the store in ${directory} ${has}, and commit ${mark.commit} was acknowledged (${path}): ` +
      "the database lost what lies between, or a restore was cut off",
    hint: `${way_back} orchestrator restore FILE. Or, to go on without what was lost, remove ${path} and start again`,
  });
}
