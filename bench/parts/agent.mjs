// Agents like `orchestrator-agent`'s, with another executor behind their ports where asked. See startAgents in cluster.mjs.
import { openSync, writeSync } from "node:fs";
import { optionDefaults, realPorts, startAgent } from "orchestrator-agent/packed";
import { forgetfulFiles, noProcesses } from "./no-op.mjs";

const options = JSON.parse(process.argv[2]);
const now = () => Number(process.hrtime.bigint()) / 1e6;
const log = openSync(options.log, "a");
let expected = 0;
process.on("message", ({ expect }) => {
  expected = expect;
});

function line(text) {
  writeSync(log, `${text}\n`);
  if (text.includes('"event":"reported"') && --expected === 0) process.send({ reported_at: now() });
}

function stamped(processes) {
  return {
    ...processes,
    start(command) {
      const { ORCHESTRATOR_RUN_ID: run_id, ORCHESTRATOR_STAGE_ID: stage_id } = command.env;
      process.send({ started: { run_id, stage_id, at: now() } });
      const started = processes.start(command);
      void started.ended.then(() => process.send({ ended: { run_id, stage_id, at: now() } }));
      return started;
    },
  };
}

const real = realPorts(line);
const files = options.executor === "none" ? forgetfulFiles(real.files, options.state) : real.files;
const processes = options.executor === "real" ? real.processes : noProcesses(real.processes);
let claims = 0;
const agents = Array.from({ length: options.count }, (_, i) =>
  startAgent(
    {
      ...optionDefaults,
      state: options.state,
      daemon: options.daemon,
      agent_id: `bench-${process.pid}-${i}`,
      slots: options.slots,
      labels: options.labels,
      workspace_roots: [options.workspace],
      environment: process.env,
    },
    {
      ...real,
      files,
      processes: options.stamps ? stamped(processes) : processes,
      connect(url, certificate) {
        const transport = real.connect(url, certificate);
        return (request) => {
          if (request.path === "/v1/agent/claim" && ++claims === options.count) {
            // sent by now, and parked in a moment
            setTimeout(() => process.send({ claiming: true }), 20);
          }
          return transport(request);
        };
      },
    },
  ),
);
process.on("disconnect", () => process.exit(1));
process.on("SIGTERM", () => {
  for (const agent of agents) agent.stop();
});
await Promise.all(agents.map(({ ended }) => ended));
process.exit(0);
