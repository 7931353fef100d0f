// P10: what waiting costs.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startAgents, startDaemon } from "../parts/cluster.mjs";
import { cpuMs, rssMb } from "../parts/machine.mjs";

const agentProgram = join(
  dirname(fileURLToPath(import.meta.url)),
  "..",
  "..",
  "packages/agent/bin/orchestrator-agent.cjs",
);
const AGENTS = 100;
const SETTLE_MS = 10_000;
/** Two rounds of parked claims. */
const WINDOW_MS = 30_000;

export const idleWorks = [
  {
    id: "P10",
    what: () => `a daemon with ${AGENTS} idle agents`,
    smoke: false,
    async round(bench) {
      const daemon = await startDaemon(bench.fresh(), bench);
      // the daemon sees a hundred agents; that one process holds them spares the machine four gigabytes
      const agents = await startAgents(daemon, { slots: 2, count: AGENTS });
      const one = spawn(
        process.execPath,
        [agentProgram, "--state", daemon.state, "--log", join(daemon.directory, "one.log")],
        { cwd: daemon.workspace, stdio: "ignore" },
      );
      try {
        await sleep(SETTLE_MS);
        const [before, begun] = [cpuMs(daemon.pid), performance.now()];
        await sleep(WINDOW_MS);
        const cpu = ((cpuMs(daemon.pid) - before) / (performance.now() - begun)) * 100;
        return { cpu, daemon: rssMb(daemon.pid), agent: rssMb(one.pid) };
      } finally {
        one.kill("SIGTERM");
        await once(one, "exit");
        await agents.stop();
        await daemon.stop();
      }
    },
    figures: () => [
      { key: "cpu", what: "CPU of the daemon", unit: "% of a core", digits: 2, goal: { of: "value", max: 2 } },
      { key: "daemon", what: "memory of the daemon", unit: "MB" },
      { key: "agent", what: "memory of one idle agent", unit: "MB", goal: { of: "value", max: 70 } },
    ],
  },
];
