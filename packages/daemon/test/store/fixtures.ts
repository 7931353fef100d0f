import { createHash } from "node:crypto";
import type {
  ArtifactRecord,
  Commit,
  JobRecord,
  JournalRow,
  Portion,
  RunRecord,
  StageRecord,
  Submitted,
} from "../../src/store/store.ts";

/** Run ids of the tests: ULIDs that end in their number. */
export const runId = (number: number): string => `01JD8Z3Q0V5M7X9C2B4N${String(number).padStart(6, "0")}`;
export const execId = (number: number): string => `01JD8Z3Q0W5M7X9C2B4N${String(number).padStart(6, "0")}`;
export const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

export const WALL = Date.UTC(2026, 10, 22, 12);

export const row = (run_id: string, first_seq: number, last_seq = first_seq, note = ""): JournalRow => ({
  run_id,
  first_seq,
  last_seq,
  events: JSON.stringify(Array.from({ length: last_seq - first_seq + 1 }, (_, i) => ({ seq: first_seq + i, note }))),
});

export const submitted = (number: number, change: Partial<Submitted> & { text?: string } = {}): Submitted => {
  const { text = `{"name":"workflow ${number}"}`, ...rest } = change;
  return {
    run_id: runId(number),
    run_number: number,
    workflow_digest: digest(text),
    workflow_text: text,
    request: null,
    ...rest,
  };
};

export const commit = (number: number, change: Partial<Commit>): Commit => ({
  number,
  rows: [],
  submitted: [],
  reopened: [],
  ...change,
});

/** The commit that submits run `number`. */
export const submit = (number: number, change: Partial<Submitted> & { text?: string } = {}): Commit =>
  commit(number, { rows: [row(runId(number), 1)], submitted: [submitted(number, change)] });

export const runRecord = (number: number, change: Partial<RunRecord> = {}): RunRecord => ({
  run_id: runId(number),
  run_number: number,
  name: "build and ship",
  status: "running",
  stopping: null,
  workspace: "/home/me/project",
  workflow_digest: digest(`{"name":"workflow ${number}"}`),
  plan_digest: digest("plan"),
  by_role: "operator",
  by_name: "me",
  created_at: WALL,
  ended_at: null,
  counts: { succeeded: 1, queued: 2 },
  projected_seq: 1,
  ...change,
});

export const stage = (number: number, stage_id: string, change: Partial<StageRecord> = {}): StageRecord => ({
  run_id: runId(number),
  stage_id,
  kind: "exec",
  status: "succeeded",
  reason: null,
  exec_digest: digest(stage_id),
  attempt: 1,
  fence: 1,
  since: WALL + 1_500,
  outputs: {},
  projected_seq: 1,
  ...change,
});

export const job = (number: number, stage_id: string, change: Partial<JobRecord> = {}): JobRecord => ({
  run_id: runId(number),
  stage_id,
  attempt: 1,
  status: "succeeded",
  exec_id: execId(1),
  agent_id: "agent-1",
  queued_at: WALL,
  ended_at: WALL + 1_500,
  ...change,
});

export const artifact = (number: number, stage_id: string, change: Partial<ArtifactRecord> = {}): ArtifactRecord => {
  const exec_id = change.exec_id ?? execId(1);
  return {
    run_id: runId(number),
    stage_id,
    exec_id,
    fence: 1,
    agent_id: "agent-1",
    outcome: "succeeded",
    reason: null,
    manifest_sha256: digest("manifest"),
    bundle: `runs/${runId(number)}/${stage_id}/${exec_id}`,
    duration_ms: 1_200,
    ...change,
  };
};

export const portion = (number: number, change: Partial<Portion> = {}): Portion => ({
  run: runRecord(number),
  run_exists: false,
  stages: [],
  jobs: [],
  artifacts: [],
  complete: false,
  ...change,
});

/** Stages that are new, each with what it requires. */
export const fresh = (number: number, stages: Readonly<Record<string, readonly string[]>>): Portion["stages"] =>
  Object.entries(stages).map(([stage_id, requires]) => ({ record: stage(number, stage_id), exists: false, requires }));
