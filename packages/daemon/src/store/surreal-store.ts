import { randomBytes } from "node:crypto";
import { RecordId, type Surreal } from "surrealdb";
import { archiveStatements, readArchive } from "./surreal-archive.ts";
import {
  type StoredWorkflow,
  aheadStatements,
  commitStatements,
  newWorkflows,
  requestId,
  runId,
  workflowId,
} from "./surreal-commit.ts";
import { dropStatements } from "./surreal-drop.ts";
import { type Connection, connect, unusable } from "./surreal-open.ts";
import { idOf, numbers, portionStatements, type StoredRun, runRecord } from "./surreal-records.ts";
import { migrate } from "./surreal-schema.ts";
import { makeViewer } from "./surreal-viewer.ts";
import {
  type OwnerRow,
  type Statement,
  guard,
  makeLane,
  ownerRows,
  retryConflicts,
  writeBlock,
} from "./surreal-write.ts";
import {
  type Commit,
  type DurableStore,
  type JournalRow,
  type Portion,
  type Projected,
  type RunRecord,
  StoreDamaged,
  StoreUnusable,
  type SubmitRequest,
} from "./store.ts";

/** Rows of one query. */
const PAGE_RUNS = 1000;
/** Events of one page of a journal, not rows: the page's size is bounded and so is its range of ids. */
const PAGE_EVENTS = 4096;
/** Parts of at most 512 KiB of one page of a workflow's text. */
const PAGE_PARTS = 16;

/**
 * Any SurrealDB URL: `rocksdb://PATH` for real use, `mem://` for trying out. Throws StoreUnusable, and never hangs.
 * After `close` a process ends with `process.exit`; it cannot open the same RocksDB store again.
 */
export async function openSurrealStore(url: string): Promise<DurableStore> {
  const connection = await connect(url);
  try {
    return await takeStore(connection);
  } catch (error) {
    await connection.db.close();
    throw error instanceof StoreUnusable ? error : unusable(connection.location, error);
  }
}

/** Becomes the owner of an open database: whoever was it before is fenced from now on. */
export async function takeStore(connection: Connection): Promise<DurableStore> {
  const { db } = connection;
  await migrate(db);
  return makeSurrealStore(connection, await takeOver(db));
}

/** The owner's row. */
interface Owner {
  readonly identity: string;
  readonly epoch: number;
  readonly commit: number;
  readonly run_number: number;
}

async function takeOver(db: Surreal): Promise<Owner> {
  const [owner] = await db.query<[Owner]>(
    `{
      LET $epoch = (SELECT VALUE epoch FROM ONLY owner:daemon) ?? 0;
      FOR $id IN $rows { UPSERT $id SET epoch = $epoch + 1 RETURN NONE };
      IF meta:store.identity = NONE { UPSERT meta:store SET identity = $fresh RETURN NONE };
      SELECT epoch, commit ?? 0 AS commit, run_number ?? 0 AS run_number, meta:store.identity AS identity
        FROM ONLY owner:daemon
    }`,
    { fresh: randomBytes(16).toString("hex"), rows: ownerRows.map((row) => new RecordId("owner", row)) },
  );
  return owner;
}

async function makeSurrealStore(connection: Connection, owner: Owner): Promise<DurableStore> {
  const { db } = connection;
  const { epoch } = owner;
  let run_number_max = owner.run_number;
  let commit_max = owner.commit;
  const commits = makeLane();
  // engines that lose updates under concurrent write transactions get one at a time
  const portions = connection.concurrent_writes ? makeLane() : commits;
  const viewer = makeViewer(connection, portions);

  const commitOne = async (commit: Commit): Promise<void> => {
    const workflows = await writeWorkflows(commit);
    const highest = Math.max(run_number_max, ...commit.submitted.map((s) => s.run_number));
    const guarded = guard("daemon", epoch, { commit: commit.number, run_number: highest });
    await writeBlock(db, [guarded, ...commitStatements(commit, epoch, workflows)]);
    run_number_max = highest;
    commit_max = commit.number;
  };

  /** Writes the big texts ahead, in parts. What it returns goes with the commit. */
  const writeWorkflows = async ({ submitted }: Commit): Promise<StoredWorkflow[]> => {
    const { inline, ahead } = newWorkflows(submitted);
    const big: StoredWorkflow[] = [];
    for (const workflow of ahead) {
      if ((await one(db, workflowId(workflow.digest))) !== undefined) continue;
      for (const statements of aheadStatements(workflow)) await writeBlock(db, [guard("daemon", epoch), ...statements]);
      big.push({ digest: workflow.digest, parts: workflow.parts.length });
    }
    return [...inline, ...big];
  };

  const writeAll = async (owner: OwnerRow, transactions: Iterable<readonly Statement[]>): Promise<void> => {
    for (const statements of transactions) {
      await retryConflicts(() => writeBlock(db, [guard(owner, epoch), ...statements]));
    }
  };

  // two transactions of edges at once take two thirds of their time one after the other
  const edgeOwners: readonly OwnerRow[] = connection.concurrent_writes ? ["projection", "edges"] : ["projection"];

  const project = async (portion: Portion): Promise<void> => {
    const { edges, records } = portionStatements(portion);
    // one iterator for all: each takes the next transaction that nobody has taken
    const next = edges.values();
    const written = await Promise.allSettled(edgeOwners.map((owner) => writeAll(owner, next)));
    for (const end of written) if (end.status === "rejected") throw end.reason;
    await writeAll("projection", [records]);
  };

  const dropOne = async (run_id: string): Promise<void> => {
    const [stages] = await db.query<[string[]]>("SELECT VALUE id[1] FROM stage_run:[$run, NONE]..=[$run, ..]", {
      run: run_id,
    });
    await writeAll("projection", dropStatements(run_id, stages, { epoch, commit: commit_max }));
  };

  /** What a crash cut off: big workflows whose commit never came, and records half deleted. */
  const finishLeftOvers = async (): Promise<void> => {
    const [creating, dropping] = await db.query<[string[], string[]]>(
      "SELECT VALUE record::id(id) FROM creating; SELECT VALUE record::id(id) FROM dropping",
    );
    for (const digest of creating) {
      await writeBlock(db, [
        guard("daemon", epoch),
        {
          text: `IF $workflow.id = NONE { DELETE workflow_part:[$digest, NONE]..=[$digest, ..] RETURN NONE };
            DELETE type::record('creating', $digest) RETURN NONE`,
          parameters: { digest, workflow: workflowId(digest) },
        },
      ]);
    }
    for (const run_id of dropping) await dropOne(run_id);
  };

  await finishLeftOvers();

  const workflow = async (digest: string): Promise<string | null> => {
    const row = await one<{ parts: number; text?: string }>(db, workflowId(digest));
    return row === undefined ? null : (row.text ?? (await readParts(db, digest, row.parts)));
  };

  return {
    url: connection.location.shown_url,
    identity: owner.identity,
    get run_number_max() {
      return run_number_max;
    },
    get commit_max() {
      return commit_max;
    },
    commit: (commit) => commits(() => commitOne(commit)),
    project: (portion) => portions(() => project(portion)),
    dropRecords: (run_id) => portions(() => dropOne(run_id)),
    query: (surql) => viewer.query(surql),

    async activeRuns() {
      const [ids] = await db.query<[string[]]>("SELECT VALUE record::id(id) FROM active");
      return ids;
    },

    journal: (run_id, after_seq, events_max) => readJournal(db, run_id, after_seq, events_max),

    workflow,

    async request(key_digest): Promise<SubmitRequest | null> {
      const row = await one<{ run: RecordId; body_digest: string }>(db, requestId(key_digest));
      return row === undefined ? null : { run_id: idOf(row.run), body_digest: row.body_digest };
    },

    async everyRun() {
      const all: string[] = [];
      for (let low = 1; low <= run_number_max; low += PAGE_RUNS) {
        const range = numbers(low, Math.min(low + PAGE_RUNS - 1, run_number_max));
        const [runs] = await db.query<[RecordId[]]>("SELECT VALUE run FROM $range", { range });
        all.push(...runs.map(idOf));
      }
      return all;
    },

    async projected(run_id): Promise<Projected | null> {
      const [run_seq, stages] = await db.query<[number | undefined, [string, number][]]>(
        `SELECT VALUE projected_seq FROM ONLY $record;
         SELECT VALUE [id[1], projected_seq] FROM stage_run:[$run, NONE]..=[$run, ..]`,
        { record: runId(run_id), run: run_id },
      );
      return run_seq === undefined ? null : { run_seq, stages: new Map(stages) };
    },

    async runRecords(high, low) {
      const found: RunRecord[] = [];
      for (let to = Math.min(high, run_number_max); to >= Math.max(low, 1); to -= PAGE_RUNS) {
        const range = numbers(Math.max(low, 1, to - PAGE_RUNS + 1), to);
        const [rows] = await db.query<[(StoredRun | null | undefined)[]]>("SELECT VALUE run.* FROM $range", { range });
        for (const row of rows.toReversed()) if (row !== null && row !== undefined) found.push(runRecord(row));
      }
      return found;
    },

    readArchive: (after) => readArchive({ db, run_number_max, workflow }, after),

    writeArchive: (items, end) =>
      commits(async () => {
        for (const statements of archiveStatements(items, epoch)) {
          await writeBlock(db, [guard("daemon", epoch), ...statements]);
        }
        if (end === null) return;
        // alone and last: before it the store is one without commits
        await writeBlock(db, [guard("daemon", epoch, { ...end })]);
        run_number_max = end.run_number;
        commit_max = end.commit;
      }),

    async close() {
      await Promise.all([commits.idle(), portions.idle()]);
      await db.close();
    },
  };
}

async function one<T extends object>(db: Surreal, id: RecordId): Promise<T | undefined> {
  const [row] = await db.query<[T | undefined]>("SELECT * FROM ONLY $id", { id });
  return row;
}

async function readParts(db: Surreal, digest: string, count: number): Promise<string> {
  const parts: string[] = [];
  for (let from = 0; from < count; from += PAGE_PARTS) {
    const [texts] = await db.query<[string[]]>(
      "SELECT VALUE text FROM workflow_part:[$digest, $from]..[$digest, $to]",
      {
        digest,
        from,
        to: Math.min(from + PAGE_PARTS, count),
      },
    );
    parts.push(...texts);
  }
  if (parts.length !== count) {
    throw new StoreDamaged(`workflow ${digest} has ${parts.length} of its ${count} parts: the store is damaged`);
  }
  return parts.join("");
}

/**
 * Pages by bounded ranges, since SurrealDB reads a whole range before it looks at LIMIT. Because the rows have no
 * gaps, the next one begins right after the last one's end: a page that is empty is the end, and one that begins
 * elsewhere shows that a row is missing.
 */
async function readJournal(
  db: Surreal,
  run_id: string,
  after_seq: number,
  events_max = Number.POSITIVE_INFINITY,
): Promise<readonly JournalRow[]> {
  const rows: JournalRow[] = [];
  let next = await rowStart(db, run_id, after_seq + 1);
  for (;;) {
    const [page] = await db.query<[[number, number, string][]]>(
      "SELECT VALUE [id[1], last_seq, events] FROM journal:[$run, $from]..[$run, $to]",
      { run: run_id, from: next, to: next + Math.min(PAGE_EVENTS, events_max) },
    );
    for (const [first_seq, last_seq, events] of page) {
      if (first_seq !== next) {
        throw new StoreDamaged(`the journal of run ${run_id} has no event ${next}: the store is damaged`);
      }
      if (last_seq > after_seq) rows.push({ run_id, first_seq, last_seq, events });
      next = last_seq + 1;
    }
    if (page.length === 0 || next > after_seq + events_max) return rows;
  }
}

/** Where the row that holds event `seq` begins; `seq` itself where none begins before it. */
async function rowStart(db: Surreal, run_id: string, seq: number): Promise<number> {
  for (let back = 64; seq > 1; back *= 64) {
    const from = Math.max(1, seq - back);
    const [starts] = await db.query<[number[]]>("SELECT VALUE id[1] FROM journal:[$run, $from]..=[$run, $to]", {
      run: run_id,
      from,
      to: seq,
    });
    const last = starts.at(-1);
    if (last !== undefined) return last;
    if (from === 1) break;
  }
  return seq;
}
