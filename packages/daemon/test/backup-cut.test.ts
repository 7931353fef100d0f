import { expect, test } from "vitest";
import { backupText } from "../src/backup.ts";
import { type Cut, watchCommits } from "../src/backup-cut.ts";
import { newMemoryDisk, openMemoryStore } from "../src/store/memory-store.ts";
import type { DurableStore } from "../src/store/store.ts";
import { commit, digest, row, runId, submit } from "./store/fixtures.ts";

/** What a backup says: the numbers in its header, and each line in short. */
async function read(store: DurableStore, cut: Cut): Promise<{ commit: number; run_number: number; lines: string[] }> {
  let text = "";
  for await (const piece of backupText(store, cut, "2026-11-22T12:00:00.000Z")) text += piece;
  const [header, ...lines] = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, number | string>);
  return {
    commit: header!.commit as number,
    run_number: header!.run_number as number,
    lines: lines.flatMap(({ kind, run_id, run_number, first_seq }) =>
      kind === "run"
        ? [`run ${run_number}`]
        : kind === "journal"
          ? [`${String(run_id).slice(-1)}:${first_seq}`]
          : kind === "request"
            ? ["request"]
            : [],
    ),
  };
}

test("a cut has what was stored before it, and nothing of what came after: new runs, more events, requests", async () => {
  const { store, cut } = watchCommits(openMemoryStore(newMemoryDisk()));
  await store.commit(submit(1));
  await store.commit({ ...submit(2), number: 2 });
  const here = cut();
  const request = { run_id: runId(3), key_digest: digest("key"), body_digest: digest("body") };
  await store.commit({ ...submit(3, { request }), number: 3 });
  await store.commit(commit(4, { rows: [row(runId(1), 2), row(runId(3), 2)] }));
  await store.commit(commit(5, { rows: [row(runId(1), 3)] }));
  expect(await read(store, here)).toEqual({ commit: 2, run_number: 2, lines: ["run 1", "1:1", "run 2", "2:1"] });
  here.end();
  expect(await read(store, cut())).toEqual({
    commit: 5,
    run_number: 3,
    lines: ["run 1", "1:1", "1:2", "1:3", "run 2", "2:1", "run 3", "3:1", "3:2", "request"],
  });
});

test("a commit that is in flight when the cut is made belongs to what comes after, whole", async () => {
  const memory = openMemoryStore(newMemoryDisk());
  let goOn = (): void => {};
  const slow: DurableStore = Object.assign(Object.create(memory) as DurableStore, {
    commit: async (what: Parameters<DurableStore["commit"]>[0]) => {
      await memory.commit(what);
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
    },
  });
  const { store, cut } = watchCommits(slow);
  const first = store.commit(submit(1));
  await new Promise(setImmediate);
  goOn();
  await first;
  const second = store.commit({
    ...commit(2, { rows: [row(runId(1), 2), row(runId(2), 1)] }),
    submitted: submit(2).submitted,
  });
  await new Promise(setImmediate);
  // stored already, and not yet answered
  const here = cut();
  goOn();
  await second;
  expect(await read(store, here)).toEqual({ commit: 1, run_number: 1, lines: ["run 1", "1:1"] });
});

test("cuts do not disturb each other, and one that has ended watches nothing", async () => {
  const { store, cut } = watchCommits(openMemoryStore(newMemoryDisk()));
  await store.commit(submit(1));
  const one = cut();
  await store.commit(commit(2, { rows: [row(runId(1), 2)] }));
  const two = cut();
  await store.commit(commit(3, { rows: [row(runId(1), 3)] }));
  expect((await read(store, one)).lines).toEqual(["run 1", "1:1"]);
  expect((await read(store, two)).lines).toEqual(["run 1", "1:1", "1:2"]);
});
