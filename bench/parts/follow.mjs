// Those who watch: EVENTS readers of a run's events, and LOGS readers of one stage's log, each as the command does it.
// Told by argv as JSON; says `following` to its parent when every one of them has had a first answer.
import { get } from "node:http";

const { url, token, run_id, stage_id, exec_id, events, logs } = JSON.parse(process.argv[2]);
const headers = { authorization: `Bearer ${token}` };

function ask(path) {
  return new Promise((resolve, reject) => {
    get(new URL(path, url), { agent: false, headers }, resolve).on("error", reject);
  });
}

async function followEvents(first) {
  const stream = await ask(`/v1/runs/${run_id}/events`);
  stream.on("data", first);
}

/** The requests of `orchestrator logs --follow`: both logs of a command, each for as long as the daemon tells. */
async function followLog(first) {
  const path = `/v1/runs/${run_id}/stages/${stage_id}/execs/${exec_id}/files/`;
  const log = async (name) => {
    for (let at = 0; ; ) {
      const reply = await ask(`${path}${name}?follow_from=${at}`);
      if (reply.statusCode !== 200) throw new Error(`${name}: status ${reply.statusCode}`);
      for await (const chunk of reply) {
        at += chunk.length;
        first();
      }
    }
  };
  await Promise.all(["cmd-000.stdout.log", "cmd-000.stderr.log"].map(log));
}

const followed = (follow) => new Promise((resolve, reject) => void follow(resolve).catch(reject));
await Promise.all([
  ...Array.from({ length: events }, () => followed(followEvents)),
  ...Array.from({ length: logs }, () => followed(followLog)),
]);
process.send({ following: true });
process.on("disconnect", () => process.exit(0));
