import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { calmProfile, type RunPlan, scriptArgs, simulateWith } from "../src/index.ts";
import type { World } from "../src/world.ts";

/** Recorded scientific workflows, where they are at hand: beside the checkout, never in it. */
const place = join(import.meta.dirname, "../../../../shared/dags");
const files = existsSync(place) ? readdirSync(place).filter((name) => name.endsWith(".json")) : [];

interface Task {
  readonly id: string;
  readonly parents: readonly string[];
  readonly runtimeSeconds: number;
}

/** The same graph with ids that fit the rule: theirs have dots and slashes. */
function read(name: string): readonly Task[] {
  const { tasks } = JSON.parse(readFileSync(join(place, name), "utf8")) as { tasks: Task[] };
  const ids = new Map(tasks.map(({ id }, i) => [id, `t${i}`]));
  return tasks.map(({ id, parents, runtimeSeconds }) => ({
    id: ids.get(id)!,
    parents: parents.map((parent) => ids.get(parent)!),
    runtimeSeconds,
  }));
}

const msOf = ({ runtimeSeconds }: Task): number => Math.max(1, Math.round(runtimeSeconds * 1_000));

function planOf(tasks: readonly Task[]): RunPlan {
  const stages = Object.fromEntries(
    tasks.map((task) => [
      task.id,
      { requires: task.parents, exec: [["job", ...scriptArgs({ n: 0, ms: msOf(task), exact: true })]] },
    ]),
  );
  const workflow = { name: "recorded", fail_fast: false, stages };
  return { workflow, role: "operator", at_ms: 0, key: "dag", follow: false, retries: 0 };
}

/** The longest way through the graph in milliseconds, and in tasks. */
function critical(tasks: readonly Task[]): { readonly ms: number; readonly depth: number } {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const known = new Map<string, { ms: number; depth: number }>();
  const visit = (id: string): { ms: number; depth: number } => {
    const before = known.get(id);
    if (before) return before;
    const task = byId.get(id)!;
    const ways = task.parents.map(visit);
    const way = {
      ms: msOf(task) + Math.max(0, ...ways.map(({ ms }) => ms)),
      depth: 1 + Math.max(0, ...ways.map(({ depth }) => depth)),
    };
    known.set(id, way);
    return way;
  };
  const ways = tasks.map(({ id }) => visit(id));
  return { ms: Math.max(...ways.map(({ ms }) => ms)), depth: Math.max(...ways.map(({ depth }) => depth)) };
}

/** What a level may cost beside its commands: a settling time, a request, a commit. */
const LEVEL_MS = 1_000;
const START_MS = 2_000;

async function run(tasks: readonly Task[], agents: number, slots: number): Promise<number> {
  let took = 0;
  const begun = new Set<string>();
  const look = (world: World): void => {
    const [only] = world.law.runs.values();
    const events = only!.events.map((text) => JSON.parse(text) as { type: string; stage_id?: string });
    for (const { type, stage_id } of events) {
      if (type !== "stage_granted") continue;
      for (const parent of tasks.find(({ id }) => id === stage_id)!.parents) expect(begun.has(parent)).toBe(true);
      begun.add(stage_id!);
    }
    expect(only!.status).toBe("succeeded");
    expect(events.filter(({ type }) => type === "exec_succeeded")).toHaveLength(tasks.length);
    expect(events.filter(({ type }) => type === "lease_lost")).toHaveLength(0);
    took = world.ended_ms;
  };
  const options = { machines: 1, agents: Array.from({ length: agents }, () => ({ slots, labels: [] })) };
  const course = { liveness_ms: 1e9, steps_max: 1e7, look };
  const { violations } = await simulateWith("dag", calmProfile(), options, [planOf(tasks)], course);
  expect(violations).toEqual([]);
  return took;
}

describe.skipIf(files.length === 0)("recorded workflows (../shared/dags) run to their end", () => {
  test.each(files)(
    "%s: in order, each task once, and in no more time than its graph asks for",
    async (name) => {
      const tasks = read(name);
      const { ms, depth } = critical(tasks);
      const wide = await run(tasks, 8, 256);
      expect(wide).toBeGreaterThanOrEqual(ms);
      expect(wide).toBeLessThanOrEqual(ms + depth * LEVEL_MS + START_MS);

      // Graham's bound for list scheduling on m machines: work / m + (1 - 1 / m) * critical path
      const slots = 16;
      const work = tasks.reduce((sum, task) => sum + msOf(task), 0);
      const narrow = await run(tasks, 4, slots / 4);
      const overhead = (depth + tasks.length / slots) * LEVEL_MS + START_MS;
      expect(narrow).toBeGreaterThanOrEqual(Math.max(ms, work / slots));
      expect(narrow).toBeLessThanOrEqual(work / slots + (1 - 1 / slots) * ms + overhead);
    },
    300_000,
  );
});
