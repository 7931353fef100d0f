import { isDeepStrictEqual } from "node:util";
import { makeMemoryStore } from "../../src/store/memory-store.ts";
import type { Store } from "../../src/store/store.ts";
import { openSurrealStore } from "../../src/store/surreal-store.ts";
import { type History, makeHistory, portionOf, stagesOf, workflowText } from "./crash-history.ts";
import { digest, runId } from "./fixtures.ts";

/**
 * Opens the store, compares all that it holds with the history (the memory store is the oracle), says so, and goes
 * on with commits and portions until it is killed. Each acknowledged commit is told to the parent.
 */
const [url = "", acknowledged = "0", then = "go on"] = process.argv.slice(2);
const say = (message: unknown): Promise<void> =>
  new Promise((resolve) => (process.send ? process.send(message, () => resolve()) : resolve()));

try {
  const store = await openSurrealStore(url);
  const history = await check(store, Number(acknowledged));
  await say({ checked: store.commit_max, runs: history.ends.size });
  if (then === "go on") await Promise.all([commitOn(store, history), projectOn(store, history)]);
  await store.close();
  process.exit(0);
} catch (error) {
  await say({ failed: error instanceof Error ? error.stack : String(error) });
  process.exit(1);
}

function same(what: string, actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) throw new Error(`${what} is not what was acknowledged`);
}

/** Every acknowledged commit, and at most the one that was in flight; each of them whole. */
async function check(store: Store, known: number): Promise<History> {
  const last = store.commit_max;
  if (last < known || last > known + 1) throw new Error(`commit ${known} was acknowledged, the store is at ${last}`);
  const oracle = makeMemoryStore();
  const history = makeHistory();
  for (let number = 1; number <= last; number++) await oracle.commit(history.next());
  same("the number of runs", store.run_number_max, oracle.run_number_max);
  same("the list of runs", await store.everyRun(), await oracle.everyRun());
  same("the list of active runs", await store.activeRuns(), await oracle.activeRuns());
  const big = new Set<string>();
  for (const run of history.ends.keys()) {
    same(`the journal of ${run}`, await store.journal(runId(run), 0), await oracle.journal(runId(run), 0));
    same(
      `the request of ${run}`,
      await store.request(digest(`key ${run}`)),
      await oracle.request(digest(`key ${run}`)),
    );
    const text = workflowText(run);
    if (text.length > 100_000) big.add(digest(text));
    same(`the workflow of ${run}`, (await store.workflow(digest(text))) === text, true);
    await checkRecords(store, run);
  }
  const [creating, parts] = await store.query("SELECT VALUE id FROM creating; SELECT VALUE id[0] FROM workflow_part");
  same("what was being created", creating, []);
  same("the parts of big workflows", new Set(parts as string[]), big);
  return history;
}

/** A stage_run's record is there with all its edges, or is not there. */
async function checkRecords(store: Store, run: number): Promise<void> {
  const projected = await store.projected(runId(run));
  if (projected === null) return;
  const range = `requires:["${runId(run)}", NONE]..=["${runId(run)}", ..]`;
  const [pairs] = await store.query(`SELECT VALUE [id[1], id[2], in.id[1], out.id[1]] FROM ${range}`);
  const edges = new Set((pairs as string[][]).map(([from, to]) => `${from} ${to}`));
  same(`the number of edges of ${run}`, edges.size, (pairs as string[][]).length);
  const stages = stagesOf(run);
  for (const name of projected.stages.keys()) {
    for (const to of stages.get(name)!) if (!edges.has(`${name} ${to}`)) throw new Error(`${run} lacks ${name} ${to}`);
  }
  const [linked] = await store.query(
    `SELECT VALUE array::len(->requires->stage_run) FROM stage_run:["${runId(run)}", NONE]..=["${runId(run)}", ..]`,
  );
  const expected = [...projected.stages.keys()].map((name) => stages.get(name)!.length);
  const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
  // an edge that went ahead points at a stage_run that has no record yet: arrows still follow it
  if (sum(linked as number[]) !== sum(expected)) throw new Error(`${run} has edges that do not link`);
}

async function commitOn(store: Store, history: History): Promise<never> {
  for (;;) {
    await store.commit(history.next());
    await say({ acknowledged: store.commit_max });
  }
}

/** As the daemon does: what exists is asked once after the start, then known. */
async function projectOn(store: Store, history: History): Promise<never> {
  const existing = new Map<number, Set<string>>();
  for (let turn = 0; ; turn++) {
    const runs = [...history.ends.keys()];
    const run = runs[runs.length - 1 - (turn % Math.min(runs.length, 9))];
    // its first commit may still be in flight
    if (run === undefined || (await store.journal(runId(run), 0)).length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      continue;
    }
    let known = existing.get(run);
    if (known === undefined) {
      known = new Set((await store.projected(runId(run)))?.stages.keys());
      existing.set(run, known);
    }
    if (turn % 25 === 24) {
      await store.dropRecords(runId(run));
      known.clear();
    }
    const missing = [...stagesOf(run).keys()].filter((name) => !known.has(name));
    const added = missing.slice(0, turn % 2 === 0 ? missing.length : 3);
    await store.project(portionOf(run, turn, known, added));
    for (const name of added) known.add(name);
  }
}
