import { RecordId } from "surrealdb";
import { type Row, type Statement, chunks, insert } from "./surreal-write.ts";
import type { Commit, Submitted } from "./store.ts";

/** The rows of a commit. The daemon's journal is the truth; all other rows here only help to find a run again. */
export function commitStatements(commit: Commit, epoch: number, workflows: readonly StoredWorkflow[]): Statement[] {
  const { submitted, reopened } = commit;
  const at = { epoch, commit: commit.number };
  const big = workflows.filter((w) => w.parts > 0);
  return [
    ...insert("journal", commit.rows.map(journalRow)),
    ...insert(
      "active",
      submitted.map((s) => ({ id: activeId(s.run_id), ...at })),
    ),
    ...insert(
      "run_number",
      submitted.map((s) => ({ id: numberId(s.run_number), run: runId(s.run_id) })),
    ),
    ...insert("request", submitted.flatMap(requestRow)),
    ...insert("workflow", workflows.map(workflowRow), "IGNORE"),
    ...(big.length === 0
      ? []
      : [{ text: "DELETE $created RETURN NONE", parameters: { created: big.map((w) => creatingId(w.digest)) } }]),
    // always a write, so that it conflicts with a projection that takes the same run off the list
    ...(reopened.length === 0
      ? []
      : [
          {
            text: "FOR $id IN $reopened { UPSERT $id CONTENT $at RETURN NONE }",
            parameters: { reopened: reopened.map(activeId), at },
          },
        ]),
  ];
}

export const runId = (run_id: string): RecordId => new RecordId("run", run_id);
export const activeId = (run_id: string): RecordId => new RecordId("active", run_id);
export const numberId = (run_number: number): RecordId => new RecordId("run_number", run_number);
export const requestId = (key_digest: string): RecordId => new RecordId("request", key_digest);
export const workflowId = (digest: string): RecordId => new RecordId("workflow", digest);
export const creatingId = (digest: string): RecordId => new RecordId("creating", digest);

export const journalRow = (row: Commit["rows"][number]): Row => ({
  id: new RecordId("journal", [row.run_id, row.first_seq]),
  last_seq: row.last_seq,
  events: row.events,
});

const requestRow = ({ request }: Submitted): Row[] =>
  request === null
    ? []
    : [{ id: requestId(request.key_digest), run: runId(request.run_id), body_digest: request.body_digest }];

/** A workflow's text goes with the commit where it is small, and before it, in parts, where it is big. */
export type StoredWorkflow =
  | { readonly digest: string; readonly parts: 0; readonly text: string }
  | { readonly digest: string; readonly parts: number };

export const workflowRow = (workflow: StoredWorkflow): Row => {
  const { digest, ...fields } = workflow;
  return { id: workflowId(digest), ...fields };
};

/** All small texts of one commit together: 1 MiB of characters. */
const INLINE_MAX = 1024 * 1024;
/** In UTF-16 units, each of at most 3 bytes in UTF-8: a part has at most 512 KiB. */
const PART_LENGTH = Math.floor((512 * 1024) / 3);
const PARTS_PER_TRANSACTION = 4;

/** Each workflow of the commit once: which texts go inline, and which go ahead. */
export function newWorkflows(submitted: readonly Pick<Submitted, "workflow_digest" | "workflow_text">[]): {
  inline: StoredWorkflow[];
  ahead: BigWorkflow[];
} {
  const inline: StoredWorkflow[] = [];
  const ahead: BigWorkflow[] = [];
  const texts = new Map<string, string>();
  for (const s of submitted) if (s.workflow_text !== null) texts.set(s.workflow_digest, s.workflow_text);
  let left = INLINE_MAX;
  for (const [digest, text] of texts) {
    if (text.length <= PART_LENGTH && text.length <= left) {
      left -= text.length;
      inline.push({ digest, parts: 0, text });
    } else {
      ahead.push({ digest, parts: splitText(text) });
    }
  }
  return { inline, ahead };
}

export interface BigWorkflow {
  readonly digest: string;
  readonly parts: readonly string[];
}

/** Never between the two halves of a surrogate pair, which UTF-8 could not hold. */
export function splitText(text: string, length = PART_LENGTH): string[] {
  const parts: string[] = [];
  for (let from = 0; from < text.length; ) {
    let to = Math.min(from + length, text.length);
    const last = text.charCodeAt(to - 1);
    if (to < text.length && last >= 0xd800 && last <= 0xdbff && to - from > 1) to -= 1;
    parts.push(text.slice(from, to));
    from = to;
  }
  return parts;
}

/**
 * The transactions that write a big text ahead of its commit, each without its guard. The marker `creating` is there
 * before the first part and goes with the commit: what it marks at the next start belongs to nobody. Written again
 * after a conflict, the parts are the same, since the digest is.
 */
export function aheadStatements(workflow: BigWorkflow): Statement[][] {
  const rows = workflow.parts.map((text, index) => ({
    id: new RecordId("workflow_part", [workflow.digest, index]),
    text,
  }));
  return chunks(rows, PARTS_PER_TRANSACTION).map((parts) => [
    {
      text: "UPSERT $creating SET parts = $count RETURN NONE; INSERT IGNORE INTO workflow_part $parts RETURN NONE",
      parameters: { creating: creatingId(workflow.digest), count: workflow.parts.length, parts },
    },
  ]);
}
