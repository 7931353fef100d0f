import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type ArchiveCursor,
  type ArchiveItem,
  CommitFailed,
  type DurableStore,
  type JournalRow,
} from "../../src/store/store.ts";
import {
  WALL,
  artifact,
  commit,
  digest,
  execId,
  fresh,
  job,
  portion,
  row,
  runId,
  runRecord,
  stage,
  submit,
  submitted,
} from "./fixtures.ts";

/** How a store is opened, lost and opened again. */
export interface Subject {
  readonly store: DurableStore;
  /** The owner is gone without a word (kill -9), and another opens what it stored. */
  reopen(): Promise<DurableStore>;
  /** Another opens what is stored while the first still believes to own it. */
  takeOver(): Promise<DurableStore>;
  dispose(): Promise<void>;
}

export interface Harness {
  readonly name: string;
  /** Has a database that a person can ask. */
  readonly queries: boolean;
  readonly open: () => Promise<Subject>;
}

const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "no failure",
    (error: unknown) => error,
  );

/** The store port, tested on one implementation. */
export function describeStore({ name, queries, open }: Harness): void {
  describe(`the store in ${name}`, () => {
    let subject: Subject;
    let store: DurableStore;
    beforeEach(async () => {
      subject = await open();
      store = subject.store;
    });
    afterEach(() => subject.dispose());
    const reopen = async (): Promise<void> => {
      store = await subject.reopen();
    };

    describe("a new one", () => {
      test("has nothing", async () => {
        expect([store.run_number_max, store.commit_max]).toEqual([0, 0]);
        expect(await store.activeRuns()).toEqual([]);
        expect(await store.everyRun()).toEqual([]);
        expect(await store.journal(runId(1), 0)).toEqual([]);
        expect(await store.workflow(digest("x"))).toBeNull();
        expect(await store.request(digest("x"))).toBeNull();
        expect(await store.projected(runId(1))).toBeNull();
        expect(await store.runRecords(100, 1)).toEqual([]);
      });

      test("shows no secret in its URL", () => {
        expect(store.url).not.toMatch(/[?@]/);
      });
    });

    describe("a commit", () => {
      test("is there after a crash: journal, numbers, workflow, request, active runs", async () => {
        const request = { run_id: runId(1), body_digest: digest("body") };
        await store.commit(submit(1, { request: { ...request, key_digest: digest("key") } }));
        await store.commit(commit(2, { rows: [row(runId(1), 2, 5)] }));
        for (const _ of ["here", "after a crash"]) {
          expect(await store.journal(runId(1), 0)).toEqual([row(runId(1), 1), row(runId(1), 2, 5)]);
          expect([store.run_number_max, store.commit_max]).toEqual([1, 2]);
          expect(await store.workflow(digest('{"name":"workflow 1"}'))).toBe('{"name":"workflow 1"}');
          expect(await store.request(digest("key"))).toEqual(request);
          expect(await store.activeRuns()).toEqual([runId(1)]);
          expect(await store.everyRun()).toEqual([runId(1)]);
          await reopen();
        }
      });

      test("takes rows of many runs, many submissions and their common workflow at once", async () => {
        const numbers = Array.from({ length: 250 }, (_, i) => i + 1);
        const text = '{"name":"shared"}';
        await store.commit(
          commit(1, {
            rows: numbers.map((number) => row(runId(number), 1)),
            submitted: numbers.map((number) => submitted(number, { text })),
          }),
        );
        await store.commit(commit(2, { rows: numbers.map((number) => row(runId(number), 2, 3)) }));
        expect(store.run_number_max).toBe(250);
        expect(await store.everyRun()).toEqual(numbers.map(runId));
        expect(await store.activeRuns()).toEqual(numbers.map(runId));
        expect(await store.journal(runId(250), 0)).toEqual([row(runId(250), 1), row(runId(250), 2, 3)]);
        expect(await store.workflow(digest(text))).toBe(text);
      });

      test("numbers runs without a gap being needed, and in any order", async () => {
        await store.commit(submit(7));
        await store.commit(submit(3));
        await reopen();
        expect(store.run_number_max).toBe(7);
        expect(await store.everyRun()).toEqual([runId(3), runId(7)]);
      });

      test("keeps every character of the events", async () => {
        const events = JSON.stringify([{ seq: 1, note: "quote ' \" ` \\ nul \u0000 emoji 🚀 line \n \u2028 $x ⟨⟩" }]);
        await store.commit({ ...submit(1), rows: [{ ...row(runId(1), 1), events }] });
        expect((await store.journal(runId(1), 0))[0]?.events).toBe(events);
      });

      test("takes a workflow that is stored already, and one that comes without its text", async () => {
        const text = '{"name":"again"}';
        await store.commit(submit(1, { text }));
        await store.commit(submit(2, { text }));
        await store.commit(submit(3, { text, workflow_text: null }));
        expect(await store.workflow(digest(text))).toBe(text);
        expect(await store.activeRuns()).toEqual([runId(1), runId(2), runId(3)]);
      });

      test("takes workflows of any size", async () => {
        // 3 bytes a character in UTF-8, and pairs that a split must not part
        const texts = ["🚀".repeat(600_000), `${"€".repeat(1_000_000)}x`, "y".repeat(5_000_000), "z".repeat(170_000)];
        const numbers = texts.map((_, i) => i + 1);
        await store.commit(
          commit(1, {
            rows: numbers.map((number) => row(runId(number), 1)),
            submitted: texts.map((text, i) => submitted(i + 1, { text })),
          }),
        );
        await reopen();
        for (const text of texts) expect((await store.workflow(digest(text))) === text).toBe(true);
      });

      test("of an owner whose epoch has passed is fenced and stores nothing", async () => {
        await store.commit(submit(1));
        const other = await subject.takeOver();
        const fenced = { name: "CommitFailed", outcome: "fenced" };
        expect(await failure(store.commit(submit(2)))).toMatchObject(fenced);
        expect(await failure(store.commit(submit(2, { text: "big".repeat(400_000) })))).toMatchObject(fenced);
        expect(await failure(store.project(portion(1)))).toMatchObject(fenced);
        // edges that may go ahead of their records
        const stages = fresh(1, { join: Array.from({ length: 1_000 }, (_, i) => `s${i}`) });
        expect(await failure(store.project(portion(1, { stages })))).toMatchObject(fenced);
        if (queries) expect(await other.query("RETURN count(SELECT * FROM requires)")).toEqual([0]);
        expect(await failure(store.dropRecords(runId(1)))).toMatchObject(fenced);
        expect(await other.everyRun()).toEqual([runId(1)]);
        expect(await other.journal(runId(2), 0)).toEqual([]);
        expect(await other.workflow(digest("big".repeat(400_000)))).toBeNull();
        expect(await other.projected(runId(1))).toBeNull();
        await other.commit(commit(2, { rows: [row(runId(1), 2)] }));
        expect(await other.journal(runId(1), 1)).toEqual([row(runId(1), 2)]);
      });

      test("that contradicts the journal is stored nowhere", async () => {
        await store.commit(submit(1));
        const again = commit(2, { rows: [row(runId(2), 1), row(runId(1), 1)], submitted: [submitted(2)] });
        expect(await failure(store.commit(again))).toBeInstanceOf(Error);
        expect(await store.journal(runId(2), 0)).toEqual([]);
        expect(await store.everyRun()).toEqual([runId(1)]);
        expect([store.run_number_max, store.commit_max]).toEqual([1, 1]);
      });
    });

    describe("a journal", () => {
      test("comes back in order, from any event on", async () => {
        const rows = [row(runId(1), 1)];
        await store.commit(submit(1));
        await store.commit(submit(2));
        for (let number = 3; number < 30; number++) {
          const first = (rows.at(-1)?.last_seq ?? 0) + 1;
          rows.push(row(runId(1), first, first + (number % 4) * 40));
          const other = row(runId(2), number - 1);
          await store.commit(commit(number, { rows: [rows.at(-1)!, other] }));
        }
        const end = rows.at(-1)!.last_seq;
        for (let after = 0; after <= end + 1; after++) {
          if (after % 7 !== 0 && after < end - 1) continue;
          const expected = rows.filter((r) => r.last_seq > after);
          expect(await store.journal(runId(1), after)).toEqual(expected);
        }
        expect(await store.journal(runId(2), 0)).toHaveLength(28);
      });

      test("may be longer than a page and have rows longer than a page", async () => {
        const sizes = [10_000, 1, 1, 3_000, 3_000, 12_000, 1];
        const rows = [row(runId(1), 1)];
        for (const size of sizes) {
          const first = rows.at(-1)!.last_seq + 1;
          rows.push({ ...row(runId(1), first), last_seq: first + size - 1 });
        }
        await store.commit({ ...submit(1), rows });
        expect(await store.journal(runId(1), 0)).toEqual(rows);
        expect(await store.journal(runId(1), 20_000)).toEqual(rows.slice(6));
        expect(await store.journal(runId(1), 9_999)).toEqual(rows.slice(1));
      });

      test("comes in pages where it is asked to, each at least a row, and none but after the last is empty", async () => {
        const rows = [row(runId(1), 1)];
        for (const size of [3, 1, 40, 1, 1, 1, 7_000, 2]) {
          const first = rows.at(-1)!.last_seq + 1;
          rows.push({ ...row(runId(1), first), last_seq: first + size - 1 });
        }
        await store.commit({ ...submit(1), rows });
        const read: JournalRow[] = [];
        for (let after = 0; ; after = read.at(-1)!.last_seq) {
          const page = await store.journal(runId(1), after, 10);
          if (page.length === 0) break;
          // the row that holds the tenth event ends the page
          expect(page.slice(0, -1).every(({ last_seq }) => last_seq < after + 10)).toBe(true);
          read.push(...page);
        }
        expect(read).toEqual(rows);
      });
    });

    describe("a portion", () => {
      const first = portion(1, {
        stages: fresh(1, { build: [], test: ["build"], ship: ["build", "test"] }),
        jobs: [{ record: job(1, "build"), exists: false }],
        artifacts: [artifact(1, "build")],
      });

      test("becomes records that say how far they are", async () => {
        await store.commit(submit(1));
        await store.project(first);
        for (const _ of ["here", "after a crash"]) {
          const stages = new Map(["build", "test", "ship"].map((id) => [id, 1]));
          expect(await store.projected(runId(1))).toEqual({ run_seq: 1, stages });
          expect(await store.runRecords(1, 1)).toEqual([runRecord(1)]);
          expect(await store.activeRuns()).toEqual([runId(1)]);
          await reopen();
        }
      });

      test("changes the records that exist and adds the others", async () => {
        await store.commit(submit(1));
        await store.project(first);
        const run = runRecord(1, { status: "failed", stopping: "fail_fast", ended_at: WALL + 9_000, projected_seq: 9 });
        await store.project(
          portion(1, {
            run,
            run_exists: true,
            stages: [
              {
                record: stage(1, "test", { status: "failed", reason: "timeout", projected_seq: 8 }),
                exists: true,
                requires: [],
              },
              { record: stage(1, "late", { since: null, exec_digest: null }), exists: false, requires: ["ship"] },
            ],
            jobs: [
              { record: job(1, "build", { status: "failed" }), exists: true },
              { record: job(1, "build", { attempt: 2, exec_id: null, agent_id: null, ended_at: null }), exists: false },
            ],
            artifacts: [artifact(1, "build", { exec_id: execId(2), outcome: "failed", reason: "timeout" })],
          }),
        );
        await reopen();
        expect(await store.runRecords(1, 1)).toEqual([run]);
        expect(await store.projected(runId(1))).toEqual({
          run_seq: 9,
          stages: new Map(Object.entries({ build: 1, test: 8, ship: 1, late: 1 })),
        });
      });

      test("that is the last takes the run off the list of active ones", async () => {
        await store.commit(submit(1));
        await store.commit(submit(2));
        await store.project({ ...first, complete: true });
        expect(await store.activeRuns()).toEqual([runId(2)]);
        await store.commit(commit(3, { rows: [row(runId(1), 2)], reopened: [runId(1)] }));
        expect(await store.activeRuns()).toEqual([runId(1), runId(2)]);
        await reopen();
        expect(await store.activeRuns()).toEqual([runId(1), runId(2)]);
      });

      test("that is the last leaves a run active that was reopened meanwhile", async () => {
        let number = 0;
        for (let round = 1; round <= 20; round++) {
          await store.commit(commit(++number, { rows: [row(runId(round), 1)], submitted: [submitted(round)] }));
          const reopening = commit(++number, { rows: [row(runId(round), 2)], reopened: [runId(round)] });
          const reopened = (async (): Promise<void> => {
            for (;;) {
              const error = await failure(store.commit(reopening));
              if (!(error instanceof CommitFailed && error.outcome === "conflict")) return;
            }
          })();
          await Promise.all([store.project(portion(round, { complete: true })), reopened]);
          expect(await store.journal(runId(round), 1)).toHaveLength(1);
          expect(await store.activeRuns()).toHaveLength(round);
        }
      });

      test("may go on while commits do", async () => {
        await store.commit(submit(1));
        const commits = async (): Promise<void> => {
          for (let n = 2; n <= 60; n++) await store.commit(commit(n, { rows: [row(runId(1), n)] }));
        };
        const portions = async (): Promise<void> => {
          for (let n = 1; n <= 20; n++) {
            const stages = fresh(1, { [`s${n}`]: n === 1 ? [] : [`s${n - 1}`] });
            await store.project(portion(1, { run: runRecord(1, { projected_seq: n }), run_exists: n > 1, stages }));
          }
        };
        await Promise.all([commits(), portions()]);
        await reopen();
        expect(await store.journal(runId(1), 0)).toHaveLength(60);
        expect((await store.projected(runId(1)))?.stages.size).toBe(20);
        expect(store.commit_max).toBe(60);
      });

      test("that contradicts the records is stored nowhere", async () => {
        await store.commit(submit(1));
        await store.project(first);
        const exists = { run: runRecord(1, { projected_seq: 5 }), run_exists: true };
        const absent = { record: stage(1, "nowhere"), exists: true, requires: [] };
        const twice = fresh(1, { other: [], build: [] });
        for (const stages of [[absent], twice]) {
          expect(await failure(store.project(portion(1, { ...exists, stages })))).toBeInstanceOf(Error);
          expect((await store.projected(runId(1)))?.stages.size).toBe(3);
          expect(await store.runRecords(1, 1)).toEqual([runRecord(1)]);
        }
      });

      test("takes a stage that requires a thousand others", async () => {
        await store.commit(submit(1));
        const many = Array.from({ length: 1_000 }, (_, i) => `s${i}`);
        for (let from = 0; from < many.length; from += 200) {
          const stages = fresh(1, Object.fromEntries(many.slice(from, from + 200).map((id) => [id, []])));
          await store.project(portion(1, { run_exists: from > 0, stages }));
        }
        const join = portion(1, { run_exists: true, stages: fresh(1, { join: many }) });
        // cut off where its edges may have gone ahead, and projected again
        const absent = { record: stage(1, "nowhere"), exists: true, requires: [] };
        expect(await failure(store.project({ ...join, stages: [...join.stages, absent] }))).toBeInstanceOf(Error);
        expect((await store.projected(runId(1)))?.stages.has("join")).toBe(false);
        await reopen();
        await store.project(join);
        expect((await store.projected(runId(1)))?.stages.size).toBe(1_001);
        if (!queries) return;
        const answer = await store.query(
          `RETURN array::len(stage_run:["${runId(1)}", "join"]->requires->stage_run);
           RETURN array::len(stage_run:["${runId(1)}", "s7"]<-requires<-stage_run);
           RETURN count(SELECT * FROM requires)`,
        );
        expect(answer).toEqual([1_000, 1, 1_000]);
      });
    });

    describe("lists", () => {
      test("go from high to low and leave out what has no record", async () => {
        for (let number = 1; number <= 6; number++) {
          await store.commit(submit(number));
          if (number !== 4) await store.project(portion(number));
        }
        const numbersOf = async (high: number, low: number): Promise<number[]> =>
          (await store.runRecords(high, low)).map((record) => record.run_number);
        expect(await numbersOf(5, 2)).toEqual([5, 3, 2]);
        expect(await numbersOf(1_000_000, 0)).toEqual([6, 5, 3, 2, 1]);
        expect(await numbersOf(4, 4)).toEqual([]);
        expect(await numbersOf(2, 5)).toEqual([]);
      });
    });

    describe("dropping records", () => {
      const stages = Object.fromEntries(
        Array.from({ length: 120 }, (_, i) => [`s${i}`, i === 0 ? [] : [`s${i - 1}`, ...(i > 1 ? ["s0"] : [])]]),
      );
      const all = portion(1, {
        stages: fresh(1, stages),
        jobs: Object.keys(stages).map((id) => ({ record: job(1, id), exists: false })),
        artifacts: Object.keys(stages).map((id) => artifact(1, id)),
        complete: true,
      });

      test("keeps the journal, marks the run active, and lets it be projected anew", async () => {
        await store.commit(submit(1));
        await store.commit(submit(2));
        await store.project(all);
        await store.project(portion(2, { stages: fresh(2, { a: [] }), complete: true }));
        expect(await store.activeRuns()).toEqual([]);
        await store.dropRecords(runId(1));
        expect(await store.projected(runId(1))).toBeNull();
        expect(await store.runRecords(9, 1)).toEqual([runRecord(2)]);
        expect(await store.activeRuns()).toEqual([runId(1)]);
        expect(await store.journal(runId(1), 0)).toHaveLength(1);
        await reopen();
        expect(await store.activeRuns()).toEqual([runId(1)]);
        await store.project(all);
        expect((await store.projected(runId(1)))?.stages.size).toBe(120);
        expect(await store.activeRuns()).toEqual([]);
        if (queries) expect(await store.query("RETURN count(SELECT * FROM requires)")).toEqual([237]);
      });

      test("is no work where there are none", async () => {
        await store.commit(submit(1));
        await store.dropRecords(runId(1));
        expect(await store.projected(runId(1))).toBeNull();
        expect(await store.activeRuns()).toEqual([runId(1)]);
      });
    });

    describe("an archive", () => {
      const readAll = async (from: DurableStore): Promise<ArchiveItem[]> => {
        const items: ArchiveItem[] = [];
        for (let after: ArchiveCursor | null = null; ; ) {
          const page = await from.readArchive(after);
          items.push(...page.items);
          if (page.next === null) return items;
          after = page.next;
        }
      };

      /** Many runs, a long journal, a row longer than a page, small and big workflows, requests. */
      const fill = async (): Promise<void> => {
        let number = 0;
        for (let run = 1; run <= 40; run++) {
          const request = { run_id: runId(run), key_digest: digest(`key ${run}`), body_digest: digest("body") };
          const text = run === 7 ? "big ".repeat(300_000) : `{"name":"workflow ${run % 11}"}`;
          const one = submit(run, { text, request: run % 3 === 0 ? request : null });
          await store.commit({ ...one, number: ++number });
        }
        for (const [first, last] of [
          [2, 2],
          [3, 9_000],
          [9_001, 9_001],
          [9_002, 9_100],
        ] as const)
          await store.commit(commit(++number, { rows: [row(runId(5), first, last)] }));
        for (let n = 2; n < 20; n++) await store.commit(commit(++number, { rows: [row(runId(9), n)] }));
      };

      test("has everything once, each run before its journal, and its journal in order", async () => {
        await fill();
        const items = await readAll(store);
        const count = (kind: string): number => items.filter((item) => item.kind === kind).length;
        expect([count("run"), count("workflow"), count("request")]).toEqual([40, 12, 13]);
        const seen = new Map<string, number>();
        for (const item of items) {
          if (item.kind === "run") seen.set(item.run_id, 0);
          if (item.kind !== "journal") continue;
          expect(seen.get(item.run_id)).toBe(item.first_seq - 1);
          seen.set(item.run_id, item.last_seq);
        }
        expect([seen.size, seen.get(runId(5)), seen.get(runId(9))]).toEqual([40, 9_100, 19]);
      });

      test("written into a new store makes it the same, and every run is to be projected", async () => {
        await fill();
        const items = await readAll(store);
        const numbers = { commit: store.commit_max, run_number: store.run_number_max };
        const { identity } = store;
        const other = await open();
        try {
          expect(other.store.identity).not.toBe(identity);
          for (let from = 0; from < items.length; from += 30) {
            await other.store.writeArchive(items.slice(from, from + 30), null);
            expect(other.store.commit_max).toBe(0);
          }
          await other.store.writeArchive([], numbers);
          const restored = await other.takeOver();
          expect([restored.commit_max, restored.run_number_max]).toEqual([numbers.commit, numbers.run_number]);
          expect(await readAll(restored)).toEqual(items);
          expect(await restored.activeRuns()).toEqual(Array.from({ length: 40 }, (_, i) => runId(i + 1)));
          expect(await restored.projected(runId(1))).toBeNull();
          expect(await restored.request(digest("key 3"))).toEqual({ run_id: runId(3), body_digest: digest("body") });
          expect((await restored.workflow(digest("big ".repeat(300_000))))?.length).toBe(1_200_000);
          await restored.commit(commit(numbers.commit + 1, { rows: [row(runId(9), 20)] }));
          expect(await restored.journal(runId(9), 18)).toHaveLength(2);
        } finally {
          await other.dispose();
        }
      });

      test("that goes on while commits do has each row of before once", async () => {
        await fill();
        const before = await readAll(store);
        const during: ArchiveItem[] = [];
        let number = store.commit_max;
        for (let after: ArchiveCursor | null = null; ; ) {
          const page = await store.readArchive(after);
          during.push(...page.items);
          if (page.next === null) break;
          after = page.next;
          if (number > 120) continue;
          const run = 100 + ++number;
          await store.commit({ ...submit(run), number });
          await store.commit(commit(++number, { rows: [row(runId(run), 2)] }));
        }
        const known = new Set(before.map((item) => JSON.stringify(item)));
        expect(during.filter((item) => known.has(JSON.stringify(item)))).toEqual(before);
      });

      test("names the same store after a crash", async () => {
        const { identity } = store;
        expect(identity).not.toBe("");
        await reopen();
        expect(store.identity).toBe(identity);
      });
    });

    describe.runIf(queries)("a person's query", () => {
      beforeEach(async () => {
        await store.commit(submit(1));
        await store.project(
          portion(1, {
            stages: fresh(1, { build: [], test: ["build"] }),
            artifacts: [artifact(1, "build")],
          }),
        );
      });

      test("answers each statement with plain JSON", async () => {
        const answer = await store.query(
          `SELECT id, status, since, ->requires->stage_run AS requires FROM stage_run:["${runId(1)}", NONE]..=["${runId(1)}", ..];
           RETURN 1 + 1; RETURN { none: NONE, null: NULL, big: 9007199254740993, of: 1.5dec, in: 90s, set: {1, 2,} }`,
        );
        const since = new Date(WALL + 1_500).toISOString();
        const id = (name: string): string => `stage_run:["${runId(1)}","${name}"]`;
        expect(answer).toEqual([
          [
            { id: id("build"), status: "succeeded", since: since, requires: [] },
            {
              id: id("test"),
              status: "succeeded",
              since: since,
              requires: [id("build")],
            },
          ],
          2,
          { null: null, big: "9007199254740993", of: "1.5", in: "1m30s", set: [1, 2] },
        ]);
        expect(JSON.parse(JSON.stringify(answer))).toEqual(answer);
      });

      test("changes nothing, and is told so", async () => {
        for (const surql of [
          "DELETE run",
          "select 1; update run SET status = 'x'",
          "/* SELECT */ CREATE run:x",
          "RETURN (DELETE run)",
          "BEGIN; DELETE run; COMMIT",
          "DEFINE TABLE mine",
          "LIVE SELECT * FROM run",
          "USE DB other",
          "SLEEP 1s",
        ]) {
          expect(await failure(store.query(surql)), surql).toMatchObject({
            name: "QueryFailed",
            message: expect.stringContaining("only reads"),
          });
        }
        // what hides from the check meets a user who may not
        expect(await store.query("RETURN IF true THEN DELETE run RETURN BEFORE END")).toEqual([[]]);
        expect(await store.runRecords(1, 1)).toEqual([runRecord(1)]);
      });

      test("may speak of words that write", async () => {
        expect(
          await store.query("SELECT 'delete me; DELETE run' AS a -- UPDATE run\n FROM [1]; RETURN { update: 1 }"),
        ).toEqual([[{ a: "delete me; DELETE run" }], { update: 1 }]);
      });

      test("that the database does not take fails with its words", async () => {
        for (const [surql, text] of [
          ["SELECT * FROM", "Unexpected end of file"],
          ["SELECT * FROM nowhere", "'nowhere' does not exist"],
          ["RETURN 1; THROW 'my own words'", "my own words"],
          ["RETURN http::get('http://localhost')", "http::get"],
          ["RETURN function() { return 1 }", "cript"],
        ]) {
          expect(await failure(store.query(surql!)), surql).toMatchObject({
            name: "QueryFailed",
            message: expect.stringContaining(text!),
          });
        }
      });

      test("has an answer of limited size", async () => {
        const huge = "SELECT VALUE string::repeat('x', 1000) FROM array::range(0, 10000)";
        expect(await failure(store.query(huge))).toMatchObject({
          name: "QueryFailed",
          message: expect.stringContaining("add LIMIT"),
        });
        expect(await store.query("RETURN 1")).toEqual([1]);
      });

      test("finds the rows as they are documented", async () => {
        const [[found], [edge], [run], [active]] = (await store.query(
          "SELECT * FROM artifact; SELECT * FROM requires; SELECT * FROM run; SELECT * FROM active",
        )) as [unknown[], unknown[], unknown[], unknown[]];
        expect(found).toEqual({
          id: `artifact:["${runId(1)}","build","${execId(1)}"]`,
          stage: `stage_run:["${runId(1)}","build"]`,
          exec_id: execId(1),
          fence: 1,
          agent_id: "agent-1",
          outcome: "succeeded",
          manifest_sha256: digest("manifest"),
          bundle: `runs/${runId(1)}/build/${execId(1)}`,
          duration_ms: 1_200,
        });
        expect(edge).toEqual({
          id: `requires:["${runId(1)}","test","build"]`,
          in: `stage_run:["${runId(1)}","test"]`,
          out: `stage_run:["${runId(1)}","build"]`,
        });
        expect(run).toMatchObject({ id: `run:${runId(1)}`, workflow: `workflow:${runRecord(1).workflow_digest}` });
        expect(active).toMatchObject({ id: `active:${runId(1)}`, commit: 1 });
      });
    });
  });
}
