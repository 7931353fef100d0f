// P4: durable jobs without a process, over HTTP: submitted as one run, leased, reported, acknowledged, and recorded.
import { startAgents, startDaemon } from "../parts/cluster.mjs";
import { fan, wide, workflow } from "../parts/graphs.mjs";
import { cpuMs, sharedNow } from "../parts/machine.mjs";
import { askPeers } from "../parts/peers.mjs";
import { startQueueFloor } from "../parts/queue-floor.mjs";
import { whole } from "../parts/table.mjs";

/** One run on a daemon and an agent that have just been started, as all else here. */
async function runJobs(bench, graph, { slots, executor = "none" }) {
  const daemon = await startDaemon(bench.fresh(), bench);
  const agents = await startAgents(daemon, { slots, executor, profile: bench.profile });
  try {
    const spec = workflow(graph);
    const last = agents.reported(graph.length);
    const cpu = [cpuMs(daemon.pid), cpuMs(agents.pid)];
    const begun = sharedNow();
    await daemon.submit(spec);
    const acknowledged = await last;
    await daemon.drained();
    return {
      acknowledged_ms: acknowledged - begun,
      recorded_ms: sharedNow() - begun,
      daemon_ms: cpuMs(daemon.pid) - cpu[0],
      agent_ms: cpuMs(agents.pid) - cpu[1],
    };
  } finally {
    await agents.stop();
    await daemon.stop();
  }
}

async function withFloor(bench, measure) {
  const floor = await startQueueFloor(bench.fresh());
  try {
    return await measure(floor);
  } finally {
    await floor.stop();
  }
}

const count = ({ smoke }) => (smoke ? 500 : 5_000);
const width = ({ smoke }) => (smoke ? 200 : 1_000);

const jobs = (slots) => ({
  id: "P4",
  what: (bench) => `${whole(count(bench))} jobs without a process, ${slots} slots`,
  warm: true,
  async round(bench) {
    const n = count(bench);
    const rate = (ms) => n / (ms / 1_000);
    const floor = await withFloor(bench, (queue) => queue.jobs(n, slots));
    const ours = await runJobs(bench, wide(n), { slots });
    return {
      floor: rate(floor),
      acknowledged: rate(ours.acknowledged_ms),
      recorded: rate(ours.recorded_ms),
      daemon: (ours.daemon_ms / n) * 1_000,
      agent: (ours.agent_ms / n) * 1_000,
      ...(await askPeers(bench, "jobs", async (peer) => ({
        acknowledged: rate(await peer.jobs(bench.fresh(), n, slots)),
      }))),
    };
  },
  figures: () => [
    {
      key: "acknowledged",
      what: "acknowledged",
      unit: "/s",
      beside: { key: "floor", name: "floor" },
      goal: { of: "value", min: 2_800 },
      ahead_of: "BullMQ, appendfsync always",
      gross: { min: slots === 8 ? 0.02 : 0.01 },
    },
    {
      key: "recorded",
      what: "every record written",
      unit: "/s",
      beside: { key: "floor", name: "floor" },
      goal: { of: "value", min: 2_000 },
      gross: { min: slots === 8 ? 0.02 : 0.01 },
    },
    { key: "daemon", what: "CPU of the daemon a job, records included", unit: "µs" },
    { key: "agent", what: "CPU of the agent a job", unit: "µs" },
  ],
});

/** What a bundle costs on top, with its syncs: no peer writes one. */
const bundles = {
  id: "P4",
  what: (bench) => `${whole(count(bench))} jobs without a process and with bundles on disk, 8 slots`,
  smoke: false,
  async round(bench) {
    const n = count(bench);
    const { acknowledged_ms } = await runJobs(bench, wide(n), { slots: 8, executor: "bundles" });
    return { acknowledged: n / (acknowledged_ms / 1_000) };
  },
  figures: () => [{ key: "acknowledged", what: "acknowledged", unit: "/s" }],
};

const joined = {
  id: "P4",
  what: (bench) => `${whole(width(bench))} wide with a join, 64 slots`,
  warm: true,
  async round(bench) {
    const n = width(bench);
    return {
      floor: await withFloor(bench, (queue) => queue.jobs(n, 64, { join: true })),
      acknowledged: (await runJobs(bench, fan(n), { slots: 64 })).acknowledged_ms,
      ...(await askPeers(bench, "jobs", async (peer) =>
        peer.fan === undefined ? {} : { acknowledged: await peer.fan(bench.fresh(), n, 64) },
      )),
    };
  },
  figures: () => [
    {
      key: "acknowledged",
      what: "acknowledged",
      unit: "ms",
      beside: { key: "floor", name: "floor" },
      goal: { of: "value", max: 300 },
      gross: { max: 60 },
    },
  ],
};

export const jobsWorks = [jobs(8), jobs(64), bundles, joined];
