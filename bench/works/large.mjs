// P6: one run of many stages, at equal width, on one warm daemon. No process is started.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startAgents, startDaemon } from "../parts/cluster.mjs";
import { layers, workflow } from "../parts/graphs.mjs";
import { rssPeakMb, sharedNow } from "../parts/machine.mjs";
import { whole } from "../parts/table.mjs";

const bulk = join(dirname(fileURLToPath(import.meta.url)), "..", "parts", "bulk-insert.mjs");
const WIDTH = 50;
const REQUIRES = 3;
const SLOTS = 64;

/** `times`: a small run is done as often as a thousand stages take. */
const sizes = ({ smoke }) =>
  (smoke ? [100, 1_000] : [100, 1_000, 10_000, 50_000]).map((n) => ({ n, times: Math.max(1, 1_000 / n) }));
const largest = (bench) => sizes(bench).at(-1).n;

async function runOne(daemon, agents, n) {
  const spec = workflow(layers(n / WIDTH, WIDTH, REQUIRES));
  const last = agents.reported(n);
  const begun = sharedNow();
  const run_id = await daemon.submit(spec);
  const submitted = sharedNow();
  const acknowledged = await last;
  await daemon.drained();
  const recorded_ms = sharedNow() - begun;
  return { run_id, submit_ms: submitted - begun, acknowledged_ms: acknowledged - begun, recorded_ms };
}

/** Submits a graph that nobody runs, and waits for its records: those of the last stage are written last. */
async function recordOne(bench, n) {
  const daemon = await startDaemon(bench.fresh(), bench);
  try {
    const spec = workflow(layers(n / WIDTH, WIDTH, REQUIRES));
    const last = Object.keys(spec.stages).at(-1);
    const begun = sharedNow();
    const run_id = await daemon.submit(spec);
    const surql = `SELECT VALUE id FROM stage_run:['${run_id}', '${last}']`;
    while ((await daemon.call("query", { body: { surql } })).results[0].length === 0) await sleep(20);
    return { daemon, run_id, ms: sharedNow() - begun };
  } finally {
    await daemon.stop();
  }
}

/** The store's own bulk insert of a run's records. */
function insertInBulk(daemon, run_id) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [bulk, join(daemon.state, "db"), join(daemon.directory, "bulk"), run_id],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`bulk-insert.mjs ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}

export const largeWorks = [
  {
    id: "P6",
    what: () => `one run, ${WIDTH} wide, ${REQUIRES} requirements a stage`,
    async round(bench) {
      const daemon = await startDaemon(bench.fresh(), bench);
      const agents = await startAgents(daemon, { slots: SLOTS, executor: "none", profile: bench.profile });
      const values = {};
      let last;
      try {
        await runOne(daemon, agents, 1_000);
        for (const { n, times } of sizes(bench)) {
          let ms = 0;
          for (let i = 0; i < times; i++) {
            last = await runOne(daemon, agents, n);
            ms += last.acknowledged_ms;
          }
          values[`stage_${n}`] = (ms / (n * times)) * 1_000;
        }
        values.submit = last.submit_ms;
        values.recorded = last.recorded_ms;
        values.rss = rssPeakMb(daemon.pid);
      } finally {
        await agents.stop();
        await daemon.stop();
      }
      const of_run = insertInBulk(daemon, last.run_id);
      values.bulk = of_run.ms;
      values.rows = of_run.rows;
      const graph = await recordOne(bench, largest(bench));
      const of_graph = insertInBulk(graph.daemon, graph.run_id);
      values.graph = graph.ms;
      values.graph_bulk = of_graph.ms;
      values.graph_rows = of_graph.rows;
      return values;
    },
    figures: (bench) => [
      ...sizes(bench).map(({ n }) => ({
        key: `stage_${n}`,
        what: `${whole(n)} stages, acknowledged, a stage`,
        unit: "µs",
        ...(n === 1_000
          ? {}
          : { beside: { key: "stage_1000", name: "1,000 stages" }, goal: { of: "ratio", max: 1.3 } }),
      })),
      {
        key: "submit",
        what: `submit of ${whole(largest(bench))} stages acknowledged`,
        unit: "ms",
        goal: { of: "value", max: 2_000 },
      },
      {
        key: "graph",
        what: `every record of ${whole(largest(bench))} stages written, none of them run`,
        unit: "ms",
        beside: { key: "graph_bulk", name: "bulk insert of the same rows" },
        goal: { of: "ratio", max: 1.25 },
        gross: { max: 12 },
      },
      { key: "graph_rows", what: "rows of these records", unit: "" },
      {
        key: "recorded",
        what: `every record of ${whole(largest(bench))} stages written, all of them run meanwhile`,
        unit: "ms",
        beside: { key: "bulk", name: "bulk insert of the same rows" },
        goal: { of: "ratio", max: 1.25 },
        gross: { max: 12 },
      },
      { key: "rows", what: "rows of these records, with jobs and artifacts", unit: "" },
      { key: "rss", what: "daemon at most", unit: "MB", goal: { of: "value", max: 600 } },
    ],
  },
];
