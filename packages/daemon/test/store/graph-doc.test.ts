import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Store } from "../../src/store/store.ts";
import { openSurrealStore } from "../../src/store/surreal-store.ts";
import { WALL, artifact, execId, fresh, job, portion, runId, runRecord, stage, submit } from "./fixtures.ts";

/** Every example of docs/concepts/graph.md is run, and what it is said to show is shown. */
const doc = readFileSync(new URL("../../../../docs/concepts/graph.md", import.meta.url), "utf8");
const examples = [...doc.matchAll(/```surql\n([\s\S]*?)```/g)].map(([, text]) => text!.trim());

let store: Store;
beforeAll(async () => {
  store = await openSurrealStore("mem://");
  await store.commit(submit(1));
  await store.project(
    portion(1, {
      run: runRecord(1, { status: "failed", counts: { succeeded: 2, failed: 1, skipped: 1 }, projected_seq: 9 }),
      stages: [
        ...fresh(1, { fetch: [], build: ["fetch"] }),
        {
          record: stage(1, "test", { status: "failed", reason: "exit_non_zero", attempt: 2 }),
          exists: false,
          requires: ["build"],
        },
        { record: stage(1, "ship", { status: "skipped", attempt: 0 }), exists: false, requires: ["build", "test"] },
      ],
      jobs: [
        { record: job(1, "fetch"), exists: false },
        { record: job(1, "build", { exec_id: execId(2) }), exists: false },
        { record: job(1, "test", { exec_id: execId(3), status: "failed" }), exists: false },
        {
          record: job(1, "test", { attempt: 2, exec_id: execId(4), status: "failed", ended_at: WALL + 90_000 }),
          exists: false,
        },
      ],
      artifacts: [artifact(1, "fetch"), artifact(1, "test", { exec_id: execId(4), outcome: "failed" })],
    }),
  );
});
afterAll(() => store.close());

const id = (stage_id: string): string => `stage_run:["${runId(1)}","${stage_id}"]`;
const leaf = { stage_id: "fetch", status: "succeeded", requires: [] };
const build = { stage_id: "build", status: "succeeded", requires: [leaf] };

/** By the order of the page. */
const answers: readonly unknown[][] = [
  [[{ name: "build and ship", status: "failed", counts: { succeeded: 2, failed: 1, skipped: 1 }, projected_seq: 9 }]],
  [
    [
      { stage_id: "build", status: "succeeded", required: ["succeeded"] },
      { stage_id: "fetch", status: "succeeded", required: [] },
      { stage_id: "ship", status: "skipped", required: ["succeeded", "failed"] },
      { stage_id: "test", status: "failed", required: ["succeeded"] },
    ],
  ],
  [
    [id("build"), id("test"), id("fetch")],
    [id("build"), id("ship"), id("test")],
  ],
  [
    {
      stage_id: "ship",
      status: "skipped",
      requires: [build, { stage_id: "test", status: "failed", requires: [build] }],
    },
  ],
  [[{ stage_id: "test", reason: "exit_non_zero", attempt: 2 }]],
  [
    [
      {
        stage: "fetch",
        status: "succeeded",
        outcome: "succeeded",
        bundle: `runs/${runId(1)}/fetch/${execId(1)}`,
        duration_ms: 1_200,
      },
      {
        stage: "test",
        status: "failed",
        outcome: "failed",
        bundle: `runs/${runId(1)}/test/${execId(4)}`,
        duration_ms: 1_200,
      },
    ],
  ],
  [
    [
      { attempt: 1, status: "failed", exec_id: execId(3), took: "1s500ms" },
      { attempt: 2, status: "failed", exec_id: execId(4), took: "1m30s" },
    ],
  ],
  [[{ id: `run:${runId(1)}`, run_number: 1, status: "failed" }]],
  ['{"name":"workflow 1"}', [{ first_seq: 1, last_seq: 1, events: '[{"seq":1,"note":""}]' }]],
];

test("every example has an answer here", () => {
  expect(examples).toHaveLength(answers.length);
});

test.each(examples.map((text, index) => [text, index] as const))("%s", async (text, index) => {
  expect(await store.query(text)).toEqual(answers[index]);
});

test("the page names every table, and no other", async () => {
  const [info] = (await store.query("INFO FOR DB")) as [{ tables: Record<string, unknown> }];
  const rows = doc.slice(doc.indexOf("## Rows"));
  const named = [...rows.matchAll(/^\| `([a-z_]+):.*$/gm)].map(([, table]) => table);
  expect(named.sort()).toEqual(Object.keys(info.tables).sort());
});
