import { BoundExcluded, BoundIncluded, RecordIdRange, type RecordId, type Surreal } from "surrealdb";
import {
  activeId,
  aheadStatements,
  journalRow,
  newWorkflows,
  numberId,
  requestId,
  runId,
  workflowRow,
} from "./surreal-commit.ts";
import { idOf, numbers } from "./surreal-records.ts";
import { type Statement, insert } from "./surreal-write.ts";
import {
  type ArchiveCursor,
  type ArchiveItem,
  type ArchivePage,
  type JournalRow,
  type Store,
  StoreDamaged,
} from "./store.ts";

/**
 * A store in pages, see `Archive` in the port. Every range is bounded: digests by their first two digits, runs by
 * number, journals by events.
 */
const SLICES = 256;
/** Characters of workflows in one page, but for one that is larger. */
const TEXT_MAX = 1024 * 1024;
const RUNS = 16;
const EVENTS = 4096;

export interface ArchiveSource {
  readonly db: Surreal;
  readonly run_number_max: number;
  readonly workflow: Store["workflow"];
}

export async function readArchive(source: ArchiveSource, after: ArchiveCursor | null): Promise<ArchivePage> {
  const { db } = source;
  const cursor = after ?? { part: "workflow", slice: 0, after: "" };
  switch (cursor.part) {
    case "workflow": {
      const next: ArchiveCursor =
        cursor.slice + 1 < SLICES
          ? { part: "workflow", slice: cursor.slice + 1, after: "" }
          : { part: "run", run_number: 1, from_seq: 1 };
      const items: ArchiveItem[] = [];
      let length = 0;
      for (const digest of await digests(db, cursor)) {
        const text = await source.workflow(digest).catch(nullIfDamaged);
        items.push({ kind: "workflow", digest, text });
        length += text?.length ?? 0;
        if (length > TEXT_MAX) return { items, next: { ...cursor, after: digest } };
      }
      return { items, next };
    }
    case "run":
      return cursor.from_seq > 1 ? readRest(source, cursor) : readRuns(source, cursor.run_number);
    case "request": {
      const [rows] = await db.query<[[string, RecordId, string][]]>(
        "SELECT VALUE [record::id(id), run, body_digest] FROM $range",
        { range: slice("request", cursor.slice, "") },
      );
      const items = rows.map(([key_digest, run, body_digest]): ArchiveItem => {
        return { kind: "request", key_digest, run_id: idOf(run), body_digest };
      });
      return { items, next: cursor.slice + 1 < SLICES ? { part: "request", slice: cursor.slice + 1 } : null };
    }
  }
}

/** Some runs and their journals; up to the first whose journal has more than a page. */
async function readRuns({ db, run_number_max }: ArchiveSource, from: number): Promise<ArchivePage> {
  if (from > run_number_max) return { items: [], next: { part: "request", slice: 0 } };
  const to = Math.min(from + RUNS - 1, run_number_max);
  const [runs] = await db.query<[[number, RecordId][]]>("SELECT VALUE [record::id(id), run] FROM $range", {
    range: numbers(from, to),
  });
  const pages = await Promise.all(runs.map(([, run]) => readRows(db, idOf(run), 1)));
  const items: ArchiveItem[] = [];
  for (const [index, { rows, next }] of pages.entries()) {
    const [run_number, run] = runs[index]!;
    items.push({ kind: "run", run_number, run_id: idOf(run) }, ...rows.map(journalItem));
    if (next !== null) return { items, next: { part: "run", run_number, from_seq: next } };
  }
  return { items, next: { part: "run", run_number: to + 1, from_seq: 1 } };
}

async function readRest(
  { db }: ArchiveSource,
  { run_number, from_seq }: { readonly run_number: number; readonly from_seq: number },
): Promise<ArchivePage> {
  const [runs] = await db.query<[RecordId[]]>("SELECT VALUE run FROM $range", {
    range: numbers(run_number, run_number),
  });
  const { rows, next } = await readRows(db, idOf(runs[0]), from_seq);
  const then = next === null ? { run_number: run_number + 1, from_seq: 1 } : { run_number, from_seq: next };
  return { items: rows.map(journalItem), next: { part: "run", ...then } };
}

/** Rows as they are: a gap is passed over here, and found again by whoever reads the run. `next`: where more begin. */
async function readRows(db: Surreal, run: string, from: number): Promise<{ rows: JournalRow[]; next: number | null }> {
  const to = from + EVENTS;
  const [page] = await db.query<[[number, number, string][]]>(
    "SELECT VALUE [id[1], last_seq, events] FROM journal:[$run, $from]..[$run, $to]",
    { run, from, to },
  );
  const rows = page.map(([first_seq, last_seq, events]) => ({ run_id: run, first_seq, last_seq, events }));
  const end = rows.at(-1)?.last_seq ?? from - 1;
  if (end + 1 >= to) return { rows, next: end + 1 };
  // as a rule there is nothing here, so the range without an upper end costs nothing
  const [beyond] = await db.query<[number[]]>("SELECT VALUE id[1] FROM journal:[$run, $to]..=[$run, ..]", { run, to });
  return { rows, next: beyond[0] ?? null };
}

const journalItem = (row: JournalRow): ArchiveItem => ({ kind: "journal", ...row });

async function digests(
  db: Surreal,
  cursor: { readonly slice: number; readonly after: string },
): Promise<readonly string[]> {
  const [ids] = await db.query<[string[]]>("SELECT VALUE record::id(id) FROM $range", {
    range: slice("workflow", cursor.slice, cursor.after),
  });
  return ids;
}

function slice(table: string, index: number, after: string): RecordIdRange {
  const prefix = (at: number): string => (at < SLICES ? at.toString(16).padStart(2, "0") : "g");
  const low = after === "" ? new BoundIncluded(prefix(index)) : new BoundExcluded(after);
  return new RecordIdRange(table, low, new BoundExcluded(prefix(index + 1)));
}

function nullIfDamaged(error: unknown): null {
  if (error instanceof StoreDamaged) return null;
  throw error;
}

/** The transactions that write items, each without its guard. The records of every run are then to be made. */
export function archiveStatements(items: readonly ArchiveItem[], epoch: number): Statement[][] {
  const of = <K extends ArchiveItem["kind"]>(kind: K) =>
    items.filter((item): item is Extract<ArchiveItem, { kind: K }> => item.kind === kind);
  const { inline, ahead } = newWorkflows(
    of("workflow").map(({ digest, text }) => ({ workflow_digest: digest, workflow_text: text })),
  );
  const big = ahead.map(({ digest, parts }) => ({ digest, parts: parts.length }));
  const created = ahead.map(({ digest }) => digest);
  return [
    ...ahead.flatMap(aheadStatements),
    [
      ...insert("workflow", [...inline, ...big].map(workflowRow), "IGNORE"),
      ...(created.length === 0
        ? []
        : [
            { text: "FOR $d IN $created { DELETE type::record('creating', $d) RETURN NONE }", parameters: { created } },
          ]),
      ...insert(
        "active",
        of("run").map(({ run_id }) => ({ id: activeId(run_id), epoch, commit: 0 })),
      ),
      ...insert(
        "run_number",
        of("run").map(({ run_number, run_id }) => ({ id: numberId(run_number), run: runId(run_id) })),
      ),
      ...insert("journal", of("journal").map(journalRow)),
      ...insert(
        "request",
        of("request").map(({ key_digest, run_id, body_digest }) => {
          return { id: requestId(key_digest), run: runId(run_id), body_digest };
        }),
      ),
    ],
  ];
}
