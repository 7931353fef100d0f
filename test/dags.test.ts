import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { isStageId } from "orchestrator-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "./cluster.ts";

/** Recorded scientific workflows, which are read where they lie and never copied. */
const directory = join(import.meta.dirname, "../../shared/dags");
const present = existsSync(directory);
const files = present ? readdirSync(directory).filter((name) => name.endsWith(".json")) : [];
/** The ten that are known; named, so that one that is absent is seen to be skipped. */
const known = [
  "helloworld-forkjoin-10-chameleon",
  "srasearch-chameleon-10a-005",
  "sarek-dirt02-001",
  "1000genome-chameleon-2ch-100k-001",
  "montage-chameleon-2mass-005d-001",
  "cycles-chameleon-1l-1c-9p-001",
  "soykb-chameleon-10fastq-10ch-001",
  "airrflow-dirt02-001",
  "seismology-chameleon-1000p-001",
  "montage-chameleon-dss-15d-001",
];
const names = [...new Set([...known, ...files.map((file) => basename(file, ".json"))])];

interface Recording {
  readonly tasks: readonly { readonly id: string; readonly parents: readonly string[] }[];
}

interface Graph {
  /** By stage: what it requires. */
  readonly requires: ReadonlyMap<string, readonly string[]>;
}

/** Ids that the rule takes stay; the others are mapped, each to one of its own. */
function readGraph(name: string): Graph {
  const { tasks } = JSON.parse(readFileSync(join(directory, `${name}.json`), "utf8")) as Recording;
  const ids = new Map(
    tasks.map(({ id }, i) => [id, isStageId(id) ? id : `t${i}-${id.replace(/\W/g, "_").slice(-40)}`]),
  );
  expect(new Set(ids.values()).size, "no two tasks get the same id").toBe(tasks.length);
  return {
    requires: new Map(tasks.map(({ id, parents }) => [ids.get(id)!, parents.map((parent) => ids.get(parent)!)])),
  };
}

/** The longest chain, in stages. */
function depthOf({ requires }: Graph): number {
  const depths = new Map<string, number>();
  const depth = (id: string): number => {
    const found = depths.get(id) ?? 1 + Math.max(0, ...(requires.get(id) ?? []).map(depth));
    depths.set(id, found);
    return found;
  };
  return Math.max(...[...requires.keys()].map(depth));
}

describe.skipIf(!present)("recorded workflows, every command `true`, through a real daemon and one agent", () => {
  let cluster: Cluster;
  const figures: string[] = [];

  beforeAll(async () => {
    cluster = new Cluster();
    await cluster.startDaemon();
    cluster.startAgent(0, ["--slots", "4"]);
  });
  afterAll(async () => {
    await cluster.close();
    console.info(figures.join("\n"));
  });

  for (const name of names) {
    test.skipIf(!files.includes(`${name}.json`))(
      `${name}: no stage begins before all it requires have succeeded`,
      async () => {
        const graph = readGraph(name);
        const { requires } = graph;
        const edges = [...requires.values()].reduce((sum, required) => sum + required.length, 0);
        const stages = Object.fromEntries(
          [...requires].map(([id, required]) => [id, { requires: required, exec: [["true"]] }]),
        );
        const begun = performance.now();
        const { run_id } = await cluster.call<{ run_id: string }>("POST", "/v1/runs", {
          workflow: { name: name.slice(0, 64), stages },
          workspace: cluster.workspace,
        });
        const events = await cluster.events(run_id);
        const took_ms = performance.now() - begun;

        const succeeded = new Set<string>();
        const granted = new Set<string>();
        for (const event of events) {
          if (event.type === "stage_granted") {
            const early = requires.get(event.stage_id)!.filter((required) => !succeeded.has(required));
            expect(early, `what ${event.stage_id} did not wait for`).toEqual([]);
            granted.add(event.stage_id);
          }
          if (event.type === "exec_succeeded") {
            expect(succeeded.has(event.stage_id), `${event.stage_id} succeeds once`).toBe(false);
            succeeded.add(event.stage_id);
          }
        }
        expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
        expect(events.at(-1)).toMatchObject({ type: "run_settled", status: "succeeded" });
        expect(succeeded).toEqual(new Set(requires.keys()));
        expect(granted).toEqual(succeeded);
        const { run, stages: shown } = await cluster.show(run_id);
        expect(run.counts).toEqual({ succeeded: requires.size });
        expect(shown.reduce((sum, stage) => sum + stage.requires.length, 0)).toBe(edges);
        figures.push(
          `${name}: ${requires.size} stages, ${edges} edges, depth ${depthOf(graph)}, ` +
            `${(took_ms / 1_000).toFixed(1)} s, ${(took_ms / requires.size).toFixed(1)} ms a stage`,
        );
      },
    );
  }
});
