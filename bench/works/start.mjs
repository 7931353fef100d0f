// P5: one submit on an idle system, from before its request to the call that starts its process.
import { setTimeout as sleep } from "node:timers/promises";
import { startAgents, startDaemon } from "../parts/cluster.mjs";
import { wide, workflow } from "../parts/graphs.mjs";
import { sharedNow } from "../parts/machine.mjs";
import { askPeers } from "../parts/peers.mjs";
import { startQueueFloor } from "../parts/queue-floor.mjs";
import { percentile } from "../parts/table.mjs";

const PAUSE_MS = 25;
const WARM_UPS = 20;

const both = (values) => ({ p50: percentile(values, 0.5), p99: percentile(values, 0.99) });

async function starts(count, start) {
  const values = [];
  for (let i = -WARM_UPS; i < count; i++) {
    const ms = await start();
    if (i >= 0) values.push(ms);
    await sleep(PAUSE_MS);
  }
  return both(values);
}

async function ours(bench, count) {
  const daemon = await startDaemon(bench.fresh(), bench);
  const agents = await startAgents(daemon, { slots: 2, stamps: true, profile: bench.profile });
  const spec = workflow(wide(1));
  try {
    return await starts(count, async () => {
      const [started, reported] = [agents.heard("started"), agents.reported(1)];
      const begun = sharedNow();
      await daemon.submit(spec);
      const { at } = await started;
      await reported;
      return at - begun;
    });
  } finally {
    await agents.stop();
    await daemon.stop();
  }
}

async function floor(bench, count) {
  const queue = await startQueueFloor(bench.fresh());
  try {
    return await starts(count, () => queue.start());
  } finally {
    await queue.stop();
  }
}

const figure = (key, goal, gross) => ({
  key,
  what: key,
  unit: "ms",
  digits: 1,
  beside: { key: `floor_${key}`, name: "floor" },
  goal: { of: "value", max: goal },
  ...(gross === null ? {} : { gross: { max: gross } }),
});

export const startWorks = [
  {
    id: "P5",
    what: () => "one submit on an idle system, to the start of its process",
    async round(bench) {
      const count = bench.smoke ? 20 : 100;
      const of_floor = await floor(bench, count);
      const of_ours = await ours(bench, count);
      const of_peers = await askPeers(bench, "jobs", async (peer) =>
        peer.starts === undefined ? {} : peer.starts(bench.fresh(), (start) => starts(count, start)),
      );
      return { floor_p50: of_floor.p50, floor_p99: of_floor.p99, ...of_ours, ...of_peers };
    },
    // the slowest of twenty says nothing
    figures: ({ smoke }) => [figure("p50", 5, 25), ...(smoke ? [] : [figure("p99", 10, null)])],
  },
];
