// P8: a command that writes much to its stdout.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { startAgents, startDaemon } from "../parts/cluster.mjs";
import { wide, workflow } from "../parts/graphs.mjs";
import { rssMb, rssPeakMb } from "../parts/machine.mjs";
import { whole } from "../parts/table.mjs";

const MIB = 2 ** 20;
const mib = ({ smoke }) => (smoke ? 256 : 4_096);
const writing = (size) => ["dd", "if=/dev/zero", "bs=1M", `count=${size}`, "status=none"];

/** `cmd > file`, to its exit. */
async function floor(bench) {
  const file = openSync(join(bench.fresh(), "file"), "ax");
  const [program, ...args] = writing(mib(bench));
  const begun = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", file, "inherit"] });
  await once(child, "exit");
  const ms = performance.now() - begun;
  closeSync(file);
  return ms;
}

async function ours(bench) {
  const daemon = await startDaemon(bench.fresh(), bench);
  const agents = await startAgents(daemon, { slots: 1, stamps: true, profile: bench.profile });
  const write = async (size) => {
    const heard = [agents.heard("started"), agents.heard("ended"), agents.reported(1)];
    await daemon.submit(workflow(wide(1), writing(size)));
    const [started, ended, reported] = await Promise.all(heard);
    return { command: ended.at - started.at, lag: reported - ended.at };
  };
  try {
    await write(1);
    const before = rssMb(agents.pid);
    const { command, lag } = await write(mib(bench));
    return { command, lag, growth: Math.max(0, rssPeakMb(agents.pid) - before) };
  } finally {
    await agents.stop();
    await daemon.stop();
  }
}

/** What was written before is on its way to the disk, and would slow whoever comes next. */
const settle = () => spawnSync("sync");

export const outputWorks = [
  {
    id: "P8",
    what: (bench) => `a command that writes ${whole(mib(bench))} MiB to its stdout`,
    cannot(bench, rounds) {
      const { bavail, bsize } = statfsSync(bench.place);
      const needed = (2 * rounds + 2) * mib(bench) * MIB;
      return bavail * bsize > needed ? null : `it takes ${Math.ceil(needed / 2 ** 30)} GB of disk, and fewer are free`;
    },
    async round(bench, _, n) {
      const values = {};
      const measures = [
        async () => {
          values.floor = mib(bench) / ((await floor(bench)) / 1_000);
        },
        async () => {
          const { command, lag, growth } = await ours(bench);
          Object.assign(values, { rate: mib(bench) / (command / 1_000), lag, growth });
        },
      ];
      // the disk is not the same for the first and the second: they take turns
      for (const measured of n % 2 === 0 ? measures : measures.toReversed()) {
        settle();
        await measured();
      }
      return values;
    },
    figures: () => [
      {
        key: "rate",
        what: "to its exit",
        unit: "MiB/s",
        beside: { key: "floor", name: "`cmd > file`" },
        goal: { of: "ratio", min: 0.9 },
        gross: { min: 0.1 },
      },
      { key: "lag", what: "from its exit to the acknowledged report (hash and sync)", unit: "ms" },
      { key: "growth", what: "growth of the agent's memory", unit: "MB", digits: 1, goal: { of: "value", max: 16 } },
    ],
  },
];
