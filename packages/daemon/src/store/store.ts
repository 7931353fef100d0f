/**
 * The store port. The journal is the durable truth: `commit` is the acknowledgement. The records are a projection
 * of it for people who ask the database, and are never read to decide anything.
 *
 * 1. A commit is stored whole or not at all, and is on disk before the promise resolves.
 * 2. A commit or a portion by an owner whose epoch has passed is refused (`fenced`) and stores nothing.
 * 3. Rows of a run's journal come back in the order of `first_seq`, without a gap.
 * 4. `commit` and `project` may overlap; each is called one at a time. They share one row, the mark that a run is
 *    active: the last portion of a run takes it away only while the run's journal ends where the portion does.
 */
export interface Store {
  /** The URL it was opened with, without what may be secret. */
  readonly url: string;
  /** How many runs were ever numbered. */
  readonly run_number_max: number;
  /** The number of the last commit. */
  readonly commit_max: number;

  commit(commit: Commit): Promise<void>;

  /** Runs that have not settled, or whose records are not complete. */
  activeRuns(): Promise<readonly string[]>;
  /**
   * The journal of one run after `after_seq`, in order; the first row may begin before it. With `events_max` it ends with
   * the row that holds so many events more; empty only at the journal's end. Throws StoreDamaged.
   */
  journal(run_id: string, after_seq: number, events_max?: number): Promise<readonly JournalRow[]>;
  /** The canonical JSON of a workflow, whose SHA-256 is `digest`. */
  workflow(digest: string): Promise<string | null>;
  request(key_digest: string): Promise<SubmitRequest | null>;
  /** Every run of the journal, also those without records. For `rebuild`; slow. */
  everyRun(): Promise<readonly string[]>;

  /** Whole or not at all, but for edges, which may go ahead. Tries again after a conflict; else fails as `commit` does. */
  project(portion: Portion): Promise<void>;
  /** `projected_seq` of the run's record and of its stage_runs' records. Null: no record yet. */
  projected(run_id: string): Promise<Projected | null>;
  /** Run records by number, from high to low; numbers without a record are left out. Both ends belong to it. */
  runRecords(high: number, low: number): Promise<readonly RunRecord[]>;
  /** Deletes the run's records (never its journal) and marks it active, so that they are projected anew. */
  dropRecords(run_id: string): Promise<void>;

  /** A read by a person, as a user who cannot write. Each statement's rows as JSON values. Throws QueryFailed. */
  query(surql: string): Promise<readonly unknown[]>;

  close(): Promise<void>;
}

/**
 * Everything durable of a store, in pages, for backup and restore: journal, workflows, requests, run numbers. Records
 * are left out, since they are made from the journal. What is damaged is passed on as it is, and never mended.
 */
export interface Archive {
  /** Made with the store and never changed: two stores with one identity are the same store at two moments. */
  readonly identity: string;
  /** The page after `after`; null begins. Rows that are committed meanwhile may or may not be in it. */
  readArchive(after: ArchiveCursor | null): Promise<ArchivePage>;
  /**
   * Writes items into a store that has had no commit. `end` comes with the last of them and sets the two numbers:
   * until then the store counts as one without commits.
   */
  writeArchive(items: readonly ArchiveItem[], end: ArchiveEnd | null): Promise<void>;
}

export type DurableStore = Store & Archive;

/** A run comes before its journal. */
export type ArchiveItem =
  | ({ readonly kind: "journal" } & JournalRow)
  | { readonly kind: "run"; readonly run_number: number; readonly run_id: string }
  /** `text` is null where the store lacks a part of it. */
  | { readonly kind: "workflow"; readonly digest: string; readonly text: string | null }
  | ({ readonly kind: "request"; readonly key_digest: string } & SubmitRequest);

export interface ArchivePage {
  readonly items: readonly ArchiveItem[];
  /** Null: that was the last. */
  readonly next: ArchiveCursor | null;
}

/** Plain data of the store's own; nobody else reads it. */
export type ArchiveCursor =
  | { readonly part: "workflow"; readonly slice: number; readonly after: string }
  | { readonly part: "run"; readonly run_number: number; readonly from_seq: number }
  | { readonly part: "request"; readonly slice: number };

export interface ArchiveEnd {
  readonly commit: number;
  readonly run_number: number;
}

export interface Commit {
  /** Counts up over the life of the store's owner; kept in the owner's row. */
  readonly number: number;
  readonly rows: readonly JournalRow[];
  readonly submitted: readonly Submitted[];
  /** Settled runs that a retry reopens. */
  readonly reopened: readonly string[];
}

/** Events of one run that were committed together. */
export interface JournalRow {
  readonly run_id: string;
  readonly first_seq: number;
  readonly last_seq: number;
  /** A JSON array of `Recorded`. */
  readonly events: string;
}

export interface Submitted {
  readonly run_id: string;
  readonly run_number: number;
  readonly workflow_digest: string;
  /** Null where the store already has it. */
  readonly workflow_text: string | null;
  readonly request: (SubmitRequest & { readonly key_digest: string }) | null;
}

/** What an Idempotency-Key was used for. */
export interface SubmitRequest {
  readonly run_id: string;
  readonly body_digest: string;
}

/** Records of one run, written in one transaction. */
export interface Portion {
  readonly run: RunRecord;
  /** The run's record exists already. */
  readonly run_exists: boolean;
  readonly stages: readonly {
    readonly record: StageRecord;
    readonly exists: boolean;
    /** Written with a new record, not read for one that exists. */
    readonly requires: readonly string[];
  }[];
  readonly jobs: readonly { readonly record: JobRecord; readonly exists: boolean }[];
  readonly artifacts: readonly ArtifactRecord[];
  /**
   * The run has settled and its records are complete with this portion: it is active no more, unless its journal
   * has grown beyond `run.projected_seq` meanwhile (a retry has reopened it).
   */
  readonly complete: boolean;
}

export interface Projected {
  readonly run_seq: number;
  readonly stages: ReadonlyMap<string, number>;
}

/** Times are wall-clock milliseconds here and `datetime` in the database. */
export interface RunRecord {
  readonly run_id: string;
  readonly run_number: number;
  readonly name: string;
  readonly status: string;
  readonly stopping: string | null;
  readonly workspace: string;
  readonly workflow_digest: string;
  readonly plan_digest: string;
  readonly by_role: string;
  readonly by_name: string;
  readonly created_at: number;
  readonly ended_at: number | null;
  readonly counts: Readonly<Record<string, number>>;
  readonly projected_seq: number;
}

export interface StageRecord {
  readonly run_id: string;
  readonly stage_id: string;
  readonly kind: "exec" | "gate";
  readonly status: string;
  readonly reason: string | null;
  readonly exec_digest: string | null;
  readonly attempt: number;
  readonly fence: number;
  readonly since: number | null;
  readonly outputs: Readonly<Record<string, string>>;
  readonly projected_seq: number;
}

export interface JobRecord {
  readonly run_id: string;
  readonly stage_id: string;
  readonly attempt: number;
  readonly status: string;
  readonly exec_id: string | null;
  readonly agent_id: string | null;
  readonly queued_at: number;
  readonly ended_at: number | null;
}

/** The pointer to a bundle. */
export interface ArtifactRecord {
  readonly run_id: string;
  readonly stage_id: string;
  readonly exec_id: string;
  readonly fence: number;
  readonly agent_id: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly manifest_sha256: string;
  /** Relative to the state directory. */
  readonly bundle: string;
  readonly duration_ms: number;
}

/** Why a commit did not succeed. `conflict`: nothing was stored, the same commit may be tried again. */
export class CommitFailed extends Error {
  override name = "CommitFailed";
  readonly outcome: "conflict" | "fenced" | "unknown";
  constructor(outcome: "conflict" | "fenced" | "unknown", message: string, options?: ErrorOptions) {
    super(message, options);
    this.outcome = outcome;
  }
}

/** Rows that belong together are not all there: the journal of a run has a gap, or a workflow lacks a part. */
export class StoreDamaged extends Error {
  override name = "StoreDamaged";
}

/** A person's query that the database did not take, in the database's own words, or whose answer is too large. */
export class QueryFailed extends Error {
  override name = "QueryFailed";
}

/** The store could not be opened: in use, not readable, damaged, or not ours. */
export class StoreUnusable extends Error {
  override name = "StoreUnusable";
  readonly cause_kind: "in_use" | "failed";
  constructor(cause_kind: "in_use" | "failed", message: string, options?: ErrorOptions) {
    super(message, options);
    this.cause_kind = cause_kind;
  }
}
