// P7: a daemon with few finished runs behind it, and with many.
import { randomUUID } from "node:crypto";
import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startAgents, startDaemon } from "../parts/cluster.mjs";
import { wide, workflow } from "../parts/graphs.mjs";
import { median, whole } from "../parts/table.mjs";

const program = join(dirname(fileURLToPath(import.meta.url)), "..", "parts", "history.mjs");
const CALLS = 100;

const lengths = ({ smoke }) => (smoke ? { few: 100, many: 2_000 } : { few: 1_000, many: 100_000 });
/** A state directory whose daemon has stopped, with `count` finished runs. */
async function makeHistory(bench, count) {
  const daemon = await startDaemon(bench.fresh());
  const agents = await startAgents(daemon, { slots: 1, executor: "none" });
  const last = agents.reported(1);
  await daemon.submit(workflow(wide(1)), { idempotency_key: randomUUID() });
  await last;
  await daemon.drained();
  await agents.stop();
  await daemon.stop();
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, join(daemon.state, "db"), String(count)], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`history.mjs ended with ${status}: ${stderr}`);
  return { directory: daemon.directory, run_ids: JSON.parse(stdout) };
}

async function times(calls, call) {
  const values = [];
  for (let i = 0; i < calls; i++) {
    const begun = performance.now();
    await call(i);
    values.push(performance.now() - begun);
  }
  return median(values);
}

async function measure(bench, { directory, run_ids }) {
  const copy = bench.fresh();
  cpSync(directory, copy, { recursive: true });
  const daemon = await startDaemon(copy, bench);
  const spec = workflow(wide(1));
  try {
    const list = () => daemon.call("listRuns", { query: {} });
    const show = (i) => daemon.call("showRun", { params: { run_id: run_ids[(i * 7) % run_ids.length] } });
    const enqueue = () => daemon.submit(spec, { idempotency_key: randomUUID() });
    await times(CALLS / 5, list);
    await times(CALLS / 5, enqueue);
    return {
      restart: daemon.ready_ms,
      list: await times(CALLS, list),
      show: await times(CALLS, show),
      enqueue: await times(CALLS, enqueue),
    };
  } finally {
    await daemon.stop();
  }
}

export const historyWorks = [
  {
    id: "P7",
    what: (bench) => `${whole(lengths(bench).many)} finished runs behind it`,
    async prepare(bench) {
      const { few, many } = lengths(bench);
      return { few: await makeHistory(bench, few), many: await makeHistory(bench, many) };
    },
    async round(bench, { few, many }) {
      const values = {};
      for (const [name, value] of Object.entries(await measure(bench, few))) values[`few_${name}`] = value;
      return { ...values, ...(await measure(bench, many)) };
    },
    figures: (bench) => [
      ...["list", "show", "enqueue", "restart"].map((key) => ({
        key,
        what: key === "restart" ? "restart to ready" : key,
        unit: "ms",
        digits: key === "restart" ? 0 : 1,
        beside: { key: `few_${key}`, name: `with ${whole(lengths(bench).few)}` },
        goal: { of: "ratio", max: 1.3 },
        gross: { max: 10 },
      })),
      { key: "restart", what: "restart to ready, in all", unit: "ms", goal: { of: "value", max: 2_000 } },
    ],
  },
];
