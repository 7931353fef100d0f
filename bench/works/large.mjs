// P6: one run of many stages, at equal width, on one warm daemon. No process is started.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
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
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [bulk, join(daemon.state, "db"), join(daemon.directory, "bulk"), last.run_id],
        { encoding: "utf8" },
      );
      if (status !== 0) throw new Error(`bulk-insert.mjs ended with ${status}: ${stderr}`);
      const inserted = JSON.parse(stdout);
      values.bulk = inserted.ms;
      values.rows = inserted.rows;
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
        key: "recorded",
        what: `every record of ${whole(largest(bench))} stages written`,
        unit: "ms",
        beside: { key: "bulk", name: "bulk insert of the same rows" },
        goal: { of: "ratio", max: 1.25 },
        gross: { max: 12 },
      },
      { key: "rows", what: "rows of these records", unit: "" },
      { key: "rss", what: "daemon at most", unit: "MB", goal: { of: "value", max: 600 } },
    ],
  },
];
