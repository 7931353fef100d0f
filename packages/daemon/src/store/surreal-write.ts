import { type RecordId, type Surreal, ThrownError } from "surrealdb";
import { CommitFailed } from "./store.ts";

/**
 * How this store writes: one block `{ guard; statement; … }` is one transaction, whose error is the precise one (that of
 * `BEGIN … COMMIT` is not). The guard writes the owner's row under its epoch; it writes rather than reads, so that
 * an owner who takes over meanwhile makes the block conflict.
 */
export interface Statement {
  readonly text: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/**
 * `commit` owns `owner:daemon`, `project` owns `owner:projection`, and `owner:edges` for edges that it writes at the same
 * time: what may overlap must not conflict.
 */
export const ownerRows = ["daemon", "projection", "edges"] as const;
export type OwnerRow = (typeof ownerRows)[number];

const FENCED = "fenced";

/** Counts the writes, because SurrealDB does not write a row that stays as it was. */
export function guard(row: OwnerRow, epoch: number, also: Readonly<Record<string, number>> = {}): Statement {
  const set = ["writes += 1", ...Object.keys(also).map((field) => `${field} = $owner.${field}`)].join(", ");
  return {
    text: `IF (UPDATE ONLY owner:${row} SET ${set} WHERE epoch = $owner.epoch RETURN VALUE epoch) = NONE { THROW '${FENCED}' }`,
    parameters: { owner: { ...also, epoch } },
  };
}

/** More rows than this in one INSERT cost mem:// quadratic time; the other engines do not mind. */
const ROWS_PER_INSERT = 100;

/** No statement for no rows. */
export function insert(table: string, rows: readonly Row[], how: "" | "IGNORE" | "RELATION IGNORE" = ""): Statement[] {
  if (rows.length === 0) return [];
  const text = `FOR $rows IN $new_${table} { INSERT ${how} INTO ${table} $rows RETURN NONE }`;
  return [{ text, parameters: { [`new_${table}`]: chunks(rows, ROWS_PER_INSERT) } }];
}

export interface Row {
  readonly id: RecordId;
  readonly [field: string]: unknown;
}

export function chunks<T>(items: readonly T[], size: number): T[][] {
  const out: T[][] = [];
  for (let i = 0; i < items.length; i += size) out.push(items.slice(i, i + size));
  return out;
}

/** Throws CommitFailed. */
export async function writeBlock(db: Surreal, statements: readonly Statement[]): Promise<void> {
  const text = `{ ${statements.map((s) => s.text).join("; ")} }`;
  const parameters = Object.assign({}, ...statements.map((s) => s.parameters)) as Record<string, unknown>;
  try {
    await db.query(text, parameters);
  } catch (error) {
    throw commitFailed(error);
  }
}

function commitFailed(error: unknown): CommitFailed {
  const said = error instanceof Error ? error.message : String(error);
  // RocksDB, SurrealKV and memory word a conflict differently and all end like this
  if (/can be retried/.test(said)) return new CommitFailed("conflict", said, { cause: error });
  if (error instanceof ThrownError && said.endsWith(`: ${FENCED}`)) {
    return new CommitFailed("fenced", "another process has taken over the store", { cause: error });
  }
  return new CommitFailed("unknown", said, { cause: error });
}

const ATTEMPTS_MAX = 20;

/** For writes that nobody waits for by name: what conflicted stored nothing and is tried again. */
export async function retryConflicts(write: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await write();
    } catch (error) {
      const again = error instanceof CommitFailed && error.outcome === "conflict" && attempt < ATTEMPTS_MAX;
      if (!again) throw error;
    }
  }
}

/** Runs one after the other, in the order of the calls. */
export type Lane = <T>(work: () => Promise<T>) => Promise<T>;

export function makeLane(): Lane & { readonly idle: () => Promise<void> } {
  let last: Promise<unknown> = Promise.resolve();
  const lane: Lane = (work) => {
    const next = last.then(work);
    last = next.catch(() => {});
    return next;
  };
  return Object.assign(lane, {
    idle: async () => {
      await last;
    },
  });
}
