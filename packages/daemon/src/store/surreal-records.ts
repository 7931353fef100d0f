import { DateTime, RecordId, RecordIdRange, BoundIncluded } from "surrealdb";
import { activeId, numberId, runId, workflowId } from "./surreal-commit.ts";
import { type Row, type Statement, chunks, insert } from "./surreal-write.ts";
import {
  type ArtifactRecord,
  type JobRecord,
  type Portion,
  type RunRecord,
  StoreDamaged,
  type StageRecord,
} from "./store.ts";

/**
 * Records as rows. What is in the id is not repeated in the row, but for what people ask by; a null is an absent
 * field; each record holds a link to the one above it: `artifact.stage`, `job.stage`, `stage_run.run`, `run.workflow`.
 */
export const stageId = (run_id: string, stage_id: string): RecordId => new RecordId("stage_run", [run_id, stage_id]);

const time = (wall_ms: number | null): Date | undefined => (wall_ms === null ? undefined : new Date(wall_ms));

const runRow = (run: RunRecord): Row => ({
  id: runId(run.run_id),
  run_number: run.run_number,
  name: run.name,
  status: run.status,
  stopping: run.stopping ?? undefined,
  workspace: run.workspace,
  workflow: workflowId(run.workflow_digest),
  plan_digest: run.plan_digest,
  by_role: run.by_role,
  by_name: run.by_name,
  created_at: time(run.created_at),
  ended_at: time(run.ended_at),
  counts: run.counts,
  projected_seq: run.projected_seq,
});

const stageRow = (stage: StageRecord): Row => ({
  id: stageId(stage.run_id, stage.stage_id),
  run: runId(stage.run_id),
  stage_id: stage.stage_id,
  kind: stage.kind,
  status: stage.status,
  reason: stage.reason ?? undefined,
  exec_digest: stage.exec_digest ?? undefined,
  attempt: stage.attempt,
  fence: stage.fence,
  since: time(stage.since),
  outputs: stage.outputs,
  projected_seq: stage.projected_seq,
});

const jobRow = (job: JobRecord): Row => ({
  id: new RecordId("job", [job.run_id, job.stage_id, job.attempt]),
  stage: stageId(job.run_id, job.stage_id),
  attempt: job.attempt,
  status: job.status,
  exec_id: job.exec_id ?? undefined,
  agent_id: job.agent_id ?? undefined,
  queued_at: time(job.queued_at),
  ended_at: time(job.ended_at),
});

const artifactRow = (artifact: ArtifactRecord): Row => ({
  id: new RecordId("artifact", [artifact.run_id, artifact.stage_id, artifact.exec_id]),
  stage: stageId(artifact.run_id, artifact.stage_id),
  exec_id: artifact.exec_id,
  fence: artifact.fence,
  agent_id: artifact.agent_id,
  outcome: artifact.outcome,
  reason: artifact.reason ?? undefined,
  manifest_sha256: artifact.manifest_sha256,
  bundle: artifact.bundle,
  duration_ms: artifact.duration_ms,
});

const edgeRow = (run_id: string, from: string, to: string): Row => ({
  id: new RecordId("requires", [run_id, from, to]),
  in: stageId(run_id, from),
  out: stageId(run_id, to),
});

/** More edges than this do not fit beside the records: 400 take about 40 ms. */
const EDGES_PER_TRANSACTION = 400;

/** Transactions without their guard. */
export interface PortionStatements {
  /** Before `records`, in any order or at once: no two of them write the same row. */
  readonly edges: readonly Statement[][];
  readonly records: readonly Statement[];
}

/**
 * A portion as transactions: edges ahead where there are many, then the records. An edge is inserted with IGNORE, so
 * that a portion that was cut off between the two is projected again without a trace.
 */
export function portionStatements(portion: Portion): PortionStatements {
  const { run, run_exists, stages, jobs, artifacts, complete } = portion;
  const fresh = stages.filter((stage) => !stage.exists);
  const edges = fresh.flatMap(({ record, requires }) =>
    requires.map((to) => edgeRow(record.run_id, record.stage_id, to)),
  );
  const together = edges.length <= EDGES_PER_TRANSACTION;
  const ahead = together ? [] : chunks(edges, EDGES_PER_TRANSACTION);
  const inserted = jobs.filter((job) => !job.exists).map((job) => jobRow(job.record));
  const changed = [
    ...(run_exists ? [runRow(run)] : []),
    ...stages.filter((stage) => stage.exists).map((stage) => stageRow(stage.record)),
    ...jobs.filter((job) => job.exists).map((job) => jobRow(job.record)),
  ];
  return {
    edges: ahead.map((some) => insert("requires", some, "RELATION IGNORE")),
    records: [
      ...insert("run", run_exists ? [] : [runRow(run)]),
      ...insert(
        "stage_run",
        fresh.map((stage) => stageRow(stage.record)),
      ),
      ...insert("job", inserted),
      ...insert("artifact", artifacts.map(artifactRow)),
      ...insert("requires", together ? edges : [], "RELATION IGNORE"),
      ...change(changed),
      ...(complete ? [retire(run)] : []),
    ],
  };
}

function change(rows: readonly Row[]): Statement[] {
  if (rows.length === 0) return [];
  const changes = rows.map(({ id, ...fields }) => ({ id, fields }));
  const text = `FOR $change IN $changes {
    IF (UPDATE ONLY $change.id CONTENT $change.fields RETURN VALUE id) = NONE { THROW 'no record ' + <string> $change.id }
  }`;
  return [{ text, parameters: { changes } }];
}

/** Takes a complete run off the list of active ones, unless its journal has grown since: then it was reopened. */
function retire(run: RunRecord): Statement {
  return {
    text: `IF array::is_empty(SELECT VALUE id FROM journal:[$retired, $next_seq]..=[$retired, ..]) { DELETE $retiring RETURN NONE }`,
    parameters: { retired: run.run_id, next_seq: run.projected_seq + 1, retiring: activeId(run.run_id) },
  };
}

export type StoredRun = Readonly<Record<string, unknown>>;

/** The rows of run records by number, both ends included. */
export const numbers = (low: number, high: number): RecordIdRange =>
  new RecordIdRange("run_number", new BoundIncluded(numberId(low).id), new BoundIncluded(numberId(high).id));

export function runRecord(row: StoredRun): RunRecord {
  return {
    run_id: idOf(row["id"]),
    run_number: row["run_number"] as number,
    name: row["name"] as string,
    status: row["status"] as string,
    stopping: (row["stopping"] as string | undefined) ?? null,
    workspace: row["workspace"] as string,
    workflow_digest: idOf(row["workflow"]),
    plan_digest: row["plan_digest"] as string,
    by_role: row["by_role"] as string,
    by_name: row["by_name"] as string,
    created_at: wall(row["created_at"]) ?? 0,
    ended_at: wall(row["ended_at"]),
    counts: row["counts"] as Record<string, number>,
    projected_seq: row["projected_seq"] as number,
  };
}

/** The key of a record whose key is one string. */
export function idOf(value: unknown): string {
  if (value instanceof RecordId && typeof value.id === "string") return value.id;
  throw new StoreDamaged(`the store holds ${String(value)} where a record id belongs`);
}

const wall = (value: unknown): number | null => (value instanceof DateTime ? value.toDate().getTime() : null);
