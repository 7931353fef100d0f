// What a start costs the agent's own process: CPU time, and how long its one thread is blocked by the call.
// After `npm run build`: node scripts/spawn-cost.mjs [STARTS]
import { closeSync, openSync } from "node:fs";
import { KEEPER, keptProcesses, realProcesses } from "../packages/agent/dist/index.js";

const STARTS = Number(process.argv[2] ?? 1_000);
const AT_A_TIME = 4;
const fd = openSync("/dev/null", "a");
const command = {
  file: "/bin/true",
  argv0: "true",
  args: [],
  cwd: "/",
  env: { PATH: process.env.PATH, ORCHESTRATOR_EXEC_ID: "spawn-cost" },
  stdout: fd,
  stderr: fd,
  mark: "ORCHESTRATOR_EXEC_ID=spawn-cost",
  lease_ms: 60_000,
  grace_ms: 0,
};

async function measure(processes, starts) {
  const blocked = [];
  const cpu = process.cpuUsage();
  const begun = performance.now();
  let left = starts;
  async function lane() {
    while (left-- > 0) {
      const before = performance.now();
      const started = processes.start(command);
      blocked.push(performance.now() - before);
      await started.ended;
      await started.end("over", () => 0);
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  const wall_s = (performance.now() - begun) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  blocked.sort((a, b) => a - b);
  return {
    "CPU, us a start": Math.round((user + system) / starts),
    "blocked, us, median": Math.round(blocked[starts >> 1] * 1_000),
    "blocked, us, 99 %": Math.round(blocked[Math.floor(starts * 0.99)] * 1_000),
    "starts a second": Math.round(starts / wall_s),
  };
}

const ways = { "node spawn": realProcesses(), keeper: keptProcesses(KEEPER) };
const rows = {};
for (const ballast_mb of [0, 64]) {
  // what an agent may hold outside of V8's heap: it is what makes a fork expensive
  const ballast = Buffer.alloc(ballast_mb << 20, 1);
  for (const [name, processes] of Object.entries(ways)) {
    if (processes === null) continue;
    await measure(processes, 50);
    rows[`${name}, ${ballast.length >> 20} MB of buffers`] = await measure(processes, STARTS);
  }
}
console.table(rows);
closeSync(fd);
