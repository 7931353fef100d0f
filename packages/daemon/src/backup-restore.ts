import { readdirSync } from "node:fs";
import { join } from "node:path";
import { assert, ProblemError } from "orchestrator-core";
import { type BackupSummary, checkBackup, readBackup } from "./backup-read.ts";
import { makeMark, readMark } from "./mark.ts";
import { findDaemon, prepareState } from "./state.ts";
import { type ArchiveItem, type DurableStore, StoreUnusable } from "./store/store.ts";
import { openSurrealStore } from "./store/surreal-store.ts";

export { checkBackup };

export interface Restored extends BackupSummary {
  /** Commits that the store which was here had acknowledged, and that the backup does not have. */
  readonly missing_commits: number;
}

/** What is written in one transaction. */
const BATCH_CHARS = 1024 * 1024;
const BATCH_ITEMS = 400;

/**
 * Makes the store of a state directory from a backup. The directory may have all else (bundles, tokens), but no store:
 * nothing is ever overwritten. The process has loaded the database afterwards, and ends with `process.exit`.
 *
 * 1. The whole file is checked before anything is made.
 * 2. The mark is written first and names the backup's last commit, which the store has only when its last row is
 *    written: so a restore that was cut off is refused at the next start, and never taken for a shorter history.
 */
export async function restoreBackup(file: string, state: string): Promise<Restored> {
  const { header } = await checkBackup(file);
  const db = join(state, "db");
  const other = findDaemon(state);
  if (other !== null) {
    throw new ProblemError({
      code: "state-in-use",
      message: `process ${other.pid} owns ${state} and answers at ${other.url}`,
      hint: "restore into another state directory, or stop it with: orchestrator stop",
    });
  }
  if (!isEmpty(db)) {
    throw new ProblemError({
      code: "state-not-empty",
      message: `${db} holds a store already, and a restore overwrites nothing`,
      hint: `move it aside first (mv ${db} ${db}.old), or name another state directory with --state`,
    });
  }
  prepareState(state);
  const before = readMark(state);
  const missing_commits = before?.store === header.store ? Math.max(0, before.commit - header.commit) : 0;
  const store = await openSurrealStore(`rocksdb://${db}?sync=every`).catch((error: unknown) => {
    if (!(error instanceof StoreUnusable)) throw error;
    throw new ProblemError({ code: "store-unusable", message: error.message });
  });
  try {
    assert(store.commit_max === 0, "a new store has no commit");
    makeMark(state, { store: store.identity, commit: header.commit });
    const summary = await writeAll(store, file);
    assert(summary.header.commit === header.commit, "the backup is the one that was checked");
    await store.writeArchive([], { commit: header.commit, run_number: header.run_number });
    return { ...summary, missing_commits };
  } finally {
    await store.close();
  }
}

async function writeAll(store: DurableStore, file: string): Promise<BackupSummary> {
  let items: ArchiveItem[] = [];
  let chars = 0;
  const read = readBackup(file);
  for (;;) {
    const step = await read.next();
    if (step.done || items.length >= BATCH_ITEMS || chars >= BATCH_CHARS) {
      await store.writeArchive(items, null);
      items = [];
      chars = 0;
    }
    if (step.done) return step.value;
    items.push(step.value);
    if (step.value.kind === "journal") chars += step.value.events.length;
  }
}

function isEmpty(directory: string): boolean {
  try {
    return readdirSync(directory).length === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return true;
    throw error;
  }
}
