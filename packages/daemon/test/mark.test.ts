import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkStoreIsThere, keepMark, makeMark, MARK_FILE, readMark } from "../src/mark.ts";
import { type MemoryDisk, newMemoryDisk, openMemoryStore } from "../src/store/memory-store.ts";
import { commit, row, runId, submit } from "./store/fixtures.ts";

const ID = "1".repeat(32);
let state: string;
let disk: MemoryDisk;
let notes: string[];
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "mark-"));
  disk = newMemoryDisk(ID);
  notes = [];
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const path = (): string => join(state, MARK_FILE);
const open = () => keepMark(openMemoryStore(disk), state, (note) => notes.push(note));
/** Commits until number `last`. */
async function commitTo(last: number): Promise<void> {
  const store = open();
  if (store.commit_max === 0) await store.commit(submit(1));
  for (let n = store.commit_max + 1; n <= last; n++) await store.commit(commit(n, { rows: [row(runId(1), n)] }));
  await store.close();
}

test("names the last commit once it is answered, also over many starts, in a file that never grows", async () => {
  for (const last of [1, 2, 3, 9, 10]) {
    await commitTo(last);
    expect(readMark(state)).toEqual({ store: ID, commit: last });
    expect(readFileSync(path())).toHaveLength(2 * 4_096);
  }
  expect(notes).toEqual([]);
});

test("a write that is torn anywhere leaves the mark before it or the new one", async () => {
  await commitTo(5);
  const before = readFileSync(path());
  await commitTo(6);
  const after = readFileSync(path());
  const changed = [...after.keys()].filter((at) => after[at] !== before[at]);
  expect(changed.at(-1)! - changed[0]!, "one slot").toBeLessThan(128);
  for (const at of changed) {
    const torn = Buffer.concat([after.subarray(0, at), before.subarray(at)]);
    writeFileSync(path(), torn);
    expect(readMark(state)?.commit).toBe(5);
    writeFileSync(path(), Buffer.concat([before.subarray(0, at), after.subarray(at)]));
    expect([5, 6]).toContain(readMark(state)?.commit);
  }
});

describe("at start", () => {
  test("a store behind the mark is refused, and says both numbers and the way back", async () => {
    await commitTo(7);
    disk.commit_max = 4;
    expect(open).toThrow("ends at commit 4, and commit 7 was acknowledged");
    expect(open).toThrow("a restore was cut off");
  });

  test("an empty store is behind whatever it is called", async () => {
    await commitTo(7);
    disk = newMemoryDisk("2".repeat(32));
    expect(open).toThrow("has no commit, and commit 7 was acknowledged");
  });

  test("a store ahead of the mark goes on from there", async () => {
    await commitTo(7);
    makeMark(state, { store: ID, commit: 6 });
    await commitTo(8);
    expect([readMark(state)?.commit, notes]).toEqual([8, []]);
  });

  test("a mark that is missing, damaged or of another store is noted and made anew", async () => {
    await commitTo(3);
    rmSync(path());
    await commitTo(4);
    writeFileSync(path(), "nonsense");
    await commitTo(5);
    makeMark(state, { store: "2".repeat(32), commit: 900 });
    await commitTo(6);
    expect(readMark(state)).toEqual({ store: ID, commit: 6 });
    expect(notes).toEqual([
      "there is no commit.mark: a new one begins at commit 3",
      "commit.mark cannot be read: a new one begins at commit 4",
      "commit.mark is of another store: a new one begins at commit 5",
    ]);
  });

  test("where the mark names a commit and there is no store at all, none is made", async () => {
    await commitTo(3);
    expect(() => checkStoreIsThere(state, join(state, "db"))).toThrow("is not there, and commit 3 was acknowledged");
    expect(() => checkStoreIsThere(state, state)).not.toThrow();
  });
});
