// P9: claims and completions while many watch, beside the same without.
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startAgents, startDaemon } from "../parts/cluster.mjs";
import { sharedNow } from "../parts/machine.mjs";
import { whole } from "../parts/table.mjs";

const program = join(dirname(fileURLToPath(import.meta.url)), "..", "parts", "follow.mjs");
const EVENTS = 50;
const LOGS = 20;

const LOG = "setInterval(() => console.log('one line of a log that goes on and on'), 20);\n";

/** A stage that writes a log on an agent of its own, and `count` that wait for a gate to open. */
function watchedWorkflow(count) {
  const stages = {
    log: { labels: ["log"], exec: [["node", "log.mjs"]] },
    begin: { kind: "gate", message: "begin?" },
  };
  for (let i = 0; i < count; i++) stages[`s${i}`] = { requires: ["begin"], exec: [["/bin/true"]] };
  return { name: "bench", stages };
}

async function openGate(daemon, run_id) {
  const { stages } = await daemon.call("showRun", { params: { run_id } });
  const { question } = stages.find(({ stage_id }) => stage_id === "begin");
  const { subject, digest } = question;
  await daemon.call("decide", {
    params: { run_id, stage_id: "begin" },
    body: { decision: "approve", subject, digest },
  });
}

async function follow(daemon, run_id) {
  const { stages } = await daemon.call("showRun", { params: { run_id } });
  const { exec_id } = stages.find(({ stage_id }) => stage_id === "log").execs[0];
  const { url, token } = daemon;
  const told = { url, token, run_id, stage_id: "log", exec_id, events: EVENTS, logs: LOGS };
  const child = fork(program, [JSON.stringify(told)]);
  const ended = once(child, "exit");
  await Promise.race([
    once(child, "message"),
    ended.then(() => Promise.reject(new Error("the followers ended before they followed"))),
  ]);
  return async () => {
    child.kill();
    await ended;
  };
}

/** Jobs a second, from the gate to the last acknowledged report. */
async function rate(bench, { count, slots, executor }, watched) {
  const daemon = await startDaemon(bench.fresh(), bench);
  writeFileSync(join(daemon.workspace, "log.mjs"), LOG);
  const logger = await startAgents(daemon, { slots: 1, labels: ["log"], stamps: true });
  const logging = logger.heard("started");
  const run_id = await daemon.submit(watchedWorkflow(count));
  await logging;
  const agents = await startAgents(daemon, { slots, executor, profile: bench.profile });
  const unfollow = watched ? await follow(daemon, run_id) : null;
  try {
    const last = agents.reported(count);
    const begun = sharedNow();
    await openGate(daemon, run_id);
    return count / (((await last) - begun) / 1_000);
  } finally {
    await unfollow?.();
    await daemon.call("cancelRun", { params: { run_id }, body: {} });
    await logger.stop();
    await agents.stop();
    await daemon.stop();
  }
}

const work = ({ what, count, smoke, ...executor }) => ({
  id: "P9",
  smoke,
  what: (bench) => `${EVENTS} followers of a run's events and ${LOGS} of a log, ${what(count(bench))}`,
  async round(bench) {
    const jobs = { count: count(bench), ...executor };
    return { alone: await rate(bench, jobs, false), rate: await rate(bench, jobs, true) };
  },
  figures: () => [
    {
      key: "rate",
      unit: "/s",
      beside: { key: "alone", name: "without them" },
      goal: { of: "ratio", min: 0.9 },
      gross: { min: 0.1 },
    },
  ],
});

export const followersWorks = [
  work({
    what: (n) => `${whole(n)} stages of /bin/true, 8 slots`,
    count: () => 1_000,
    slots: 8,
    executor: "real",
    smoke: false,
  }),
  work({
    what: (n) => `${whole(n)} jobs without a process, 64 slots`,
    count: ({ smoke }) => (smoke ? 500 : 5_000),
    slots: 64,
    executor: "none",
    smoke: true,
  }),
];
