import { assert } from "orchestrator-core";
import {
  type ArchiveCursor,
  type ArchiveItem,
  type ArchivePage,
  type ArtifactRecord,
  type Commit,
  CommitFailed,
  type DurableStore,
  type JobRecord,
  type JournalRow,
  type Portion,
  QueryFailed,
  type RunRecord,
  type StageRecord,
  type SubmitRequest,
} from "./store.ts";

/**
 * The store as plain data: the specification of the port, and the store of the simulator. A `MemoryDisk` outlives the
 * stores that open it, as a directory outlives a process: to crash, forget the store and open its disk again. A
 * commit and a portion take effect in one step, when they are called.
 */
export interface MemoryDisk {
  readonly identity: string;
  epoch: number;
  commit_max: number;
  run_number_max: number;
  readonly journal: Map<string, JournalRow[]>;
  readonly active: Set<string>;
  readonly workflows: Map<string, string>;
  readonly requests: Map<string, SubmitRequest>;
  readonly run_numbers: Map<number, string>;
  readonly records: Map<string, RunRecords>;
  /** As a failing disk would: the run's journal no longer parses. */
  damage(run_id: string): void;
}

/** The records of one run. */
export interface RunRecords {
  run: RunRecord;
  readonly stages: Map<string, StageRecord>;
  /** By stage: what it requires. */
  readonly requires: Map<string, readonly string[]>;
  /** By stage and attempt. */
  readonly jobs: Map<string, JobRecord>;
  /** By exec_id. */
  readonly artifacts: Map<string, ArtifactRecord>;
}

export function newMemoryDisk(identity = "memory"): MemoryDisk {
  const journal: MemoryDisk["journal"] = new Map();
  return {
    identity,
    epoch: 0,
    commit_max: 0,
    run_number_max: 0,
    journal,
    active: new Set(),
    workflows: new Map(),
    requests: new Map(),
    run_numbers: new Map(),
    records: new Map(),
    damage: (run_id) =>
      journal.set(
        run_id,
        (journal.get(run_id) ?? []).map((row) => ({ ...row, events: row.events.slice(1) })),
      ),
  };
}

export const makeMemoryStore = (): DurableStore => openMemoryStore(newMemoryDisk());

/** Becomes the owner of the disk: a store that had it open before is fenced from now on. */
export function openMemoryStore(disk: MemoryDisk): DurableStore {
  const epoch = ++disk.epoch;
  const guard = (): void => {
    if (disk.epoch !== epoch) throw new CommitFailed("fenced", "another process has taken over the store");
  };
  return {
    url: "memory:",
    identity: disk.identity,
    get run_number_max() {
      return disk.run_number_max;
    },
    get commit_max() {
      return disk.commit_max;
    },

    async commit(commit) {
      guard();
      checkCommit(disk, commit);
      applyCommit(disk, commit);
    },

    async activeRuns() {
      return [...disk.active].sort();
    },

    async journal(run_id, after_seq, events_max = Number.POSITIVE_INFINITY) {
      const rows = (disk.journal.get(run_id) ?? []).filter((row) => row.last_seq > after_seq);
      const last = rows.findIndex((row) => row.last_seq >= after_seq + events_max);
      return last < 0 ? rows : rows.slice(0, last + 1);
    },

    async workflow(digest) {
      return disk.workflows.get(digest) ?? null;
    },

    async request(key_digest) {
      return disk.requests.get(key_digest) ?? null;
    },

    async everyRun() {
      return [...disk.run_numbers].sort(([a], [b]) => a - b).map(([, run_id]) => run_id);
    },

    async project(portion) {
      guard();
      checkPortion(disk, portion);
      applyPortion(disk, portion);
    },

    async projected(run_id) {
      const records = disk.records.get(run_id);
      if (records === undefined) return null;
      const stages = [...records.stages].map(([stage_id, stage]) => [stage_id, stage.projected_seq] as const);
      return { run_seq: records.run.projected_seq, stages: new Map(stages) };
    },

    async runRecords(high, low) {
      const found: RunRecord[] = [];
      for (const { run } of disk.records.values()) if (run.run_number >= low && run.run_number <= high) found.push(run);
      return found.sort((a, b) => b.run_number - a.run_number);
    },

    async dropRecords(run_id) {
      guard();
      disk.records.delete(run_id);
      disk.active.add(run_id);
    },

    async readArchive(after) {
      return archivePage(disk, after);
    },

    async writeArchive(items, end) {
      guard();
      for (const item of items) writeItem(disk, item);
      if (end === null) return;
      disk.commit_max = end.commit;
      disk.run_number_max = end.run_number;
    },

    async query() {
      throw new QueryFailed("a store in plain memory has no database to ask");
    },

    async close() {},
  };
}

// what the caller promises; a store that is a database finds some of it out only later

function checkCommit(disk: MemoryDisk, { rows, submitted }: Commit): void {
  const ends = new Map<string, number>();
  for (const { run_id, first_seq, last_seq } of rows) {
    const end = ends.get(run_id) ?? disk.journal.get(run_id)?.at(-1)?.last_seq ?? 0;
    assert(first_seq === end + 1 && last_seq >= first_seq, `journal of ${run_id}: ${first_seq} follows ${end}`);
    ends.set(run_id, last_seq);
  }
  const texts = new Set(submitted.filter((s) => s.workflow_text !== null).map((s) => s.workflow_digest));
  for (const { run_id, run_number, workflow_digest, request } of submitted) {
    assert(!disk.run_numbers.has(run_number), `run number ${run_number} was given out before`);
    assert(ends.has(run_id), `run ${run_id} is submitted with its first events`);
    assert(disk.workflows.has(workflow_digest) || texts.has(workflow_digest), `workflow ${workflow_digest} is stored`);
    assert(request === null || !disk.requests.has(request.key_digest), "an idempotency key is used once");
  }
}

function applyCommit(disk: MemoryDisk, { number, rows, submitted, reopened }: Commit): void {
  disk.commit_max = number;
  for (const row of rows) {
    const journal = disk.journal.get(row.run_id);
    if (journal) journal.push({ ...row });
    else disk.journal.set(row.run_id, [{ ...row }]);
  }
  for (const { run_id, run_number, workflow_digest, workflow_text, request } of submitted) {
    disk.active.add(run_id);
    disk.run_numbers.set(run_number, run_id);
    disk.run_number_max = Math.max(disk.run_number_max, run_number);
    if (workflow_text !== null) disk.workflows.set(workflow_digest, workflow_text);
    if (request) disk.requests.set(request.key_digest, { run_id: request.run_id, body_digest: request.body_digest });
  }
  for (const run_id of reopened) disk.active.add(run_id);
}

/** Rows of one page, few enough that a test has several pages. */
const ARCHIVE_ROWS = 7;

function archivePage(disk: MemoryDisk, after: ArchiveCursor | null): ArchivePage {
  switch (after?.part) {
    case undefined:
    case "workflow": {
      const items = [...disk.workflows].map(([digest, text]) => ({ kind: "workflow" as const, digest, text }));
      return { items, next: { part: "run", run_number: 0, from_seq: 1 } };
    }
    case "run": {
      const run_number = Math.min(...[...disk.run_numbers.keys()].filter((number) => number >= after.run_number));
      const run_id = disk.run_numbers.get(run_number);
      if (run_id === undefined) return { items: [], next: { part: "request", slice: 0 } };
      const from_seq = run_number === after.run_number ? after.from_seq : 1;
      const rest = (disk.journal.get(run_id) ?? []).filter((row) => row.first_seq >= from_seq);
      const rows = rest.slice(0, ARCHIVE_ROWS);
      const more = rest[ARCHIVE_ROWS];
      return {
        items: [
          ...(from_seq === 1 ? [{ kind: "run" as const, run_number, run_id }] : []),
          ...rows.map((row) => ({ kind: "journal" as const, ...row })),
        ],
        next: more
          ? { part: "run", run_number, from_seq: more.first_seq }
          : { part: "run", run_number: run_number + 1, from_seq: 1 },
      };
    }
    case "request": {
      const requests = [...disk.requests];
      const items = requests.map(([key_digest, request]) => ({ kind: "request" as const, key_digest, ...request }));
      return { items, next: null };
    }
  }
}

function writeItem(disk: MemoryDisk, item: ArchiveItem): void {
  switch (item.kind) {
    case "workflow":
      if (item.text !== null) disk.workflows.set(item.digest, item.text);
      return;
    case "run":
      disk.run_numbers.set(item.run_number, item.run_id);
      disk.active.add(item.run_id);
      return;
    case "journal": {
      const { kind: _, ...row } = item;
      disk.journal.set(row.run_id, [...(disk.journal.get(row.run_id) ?? []), row]);
      return;
    }
    case "request":
      disk.requests.set(item.key_digest, { run_id: item.run_id, body_digest: item.body_digest });
      return;
  }
}

const jobKey = ({ stage_id, attempt }: JobRecord): string => `${stage_id}/${attempt}`;

function checkPortion(disk: MemoryDisk, { run, run_exists, stages, jobs, artifacts }: Portion): void {
  const records = disk.records.get(run.run_id);
  const check = (exists: boolean, found: boolean | undefined, what: string): void =>
    assert(exists === (found ?? false), `the record of ${what} ${exists ? "exists" : "does not exist"}`);
  check(run_exists, records !== undefined, `run ${run.run_id}`);
  for (const { record, exists } of stages) check(exists, records?.stages.has(record.stage_id), record.stage_id);
  for (const { record, exists } of jobs) check(exists, records?.jobs.has(jobKey(record)), `job ${jobKey(record)}`);
  for (const { exec_id } of artifacts) check(false, records?.artifacts.has(exec_id), `exec ${exec_id}`);
}

function applyPortion(disk: MemoryDisk, { run, stages, jobs, artifacts, complete }: Portion): void {
  const records: RunRecords = disk.records.get(run.run_id) ?? {
    run,
    stages: new Map(),
    requires: new Map(),
    jobs: new Map(),
    artifacts: new Map(),
  };
  disk.records.set(run.run_id, records);
  records.run = run;
  for (const { record, exists, requires } of stages) {
    records.stages.set(record.stage_id, record);
    if (!exists) records.requires.set(record.stage_id, requires);
  }
  for (const { record } of jobs) records.jobs.set(jobKey(record), record);
  for (const artifact of artifacts) records.artifacts.set(artifact.exec_id, artifact);
  const end = disk.journal.get(run.run_id)?.at(-1)?.last_seq ?? 0;
  if (complete && end <= run.projected_seq) disk.active.delete(run.run_id);
}
