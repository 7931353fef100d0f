// Those who watch: EVENTS readers of a run's events, and LOGS readers of one stage's log, each as the command does it.
// Told by argv as JSON; says `following` to its parent when every one of them has had a first answer.
import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const { url, token, run_id, stage_id, exec_id, events, logs } = JSON.parse(process.argv[2]);
const PORTION = 256 * 1024;
const POLL_MS = 200;
const headers = { authorization: `Bearer ${token}` };

function ask(path, more = {}) {
  return new Promise((resolve, reject) => {
    get(new URL(path, url), { agent: false, headers: { ...headers, ...more } }, resolve).on("error", reject);
  });
}

async function followEvents(first) {
  const stream = await ask(`/v1/runs/${run_id}/events`);
  stream.on("data", first);
}

/** What came of a file from `at` on: its length. A file that is not there yet has none. */
async function read(name, at, count) {
  const path = `/v1/runs/${run_id}/stages/${stage_id}/execs/${exec_id}/files/${name}`;
  const reply = await ask(path, { range: `bytes=${at}-${at + count - 1}` });
  let length = 0;
  for await (const chunk of reply) length += chunk.length;
  return reply.statusCode === 206 ? length : 0;
}

/** The requests of `orchestrator logs --follow`, one after the other. */
async function followLog(first) {
  const files = ["cmd-000.stdout.log", "cmd-000.stderr.log"].map((name) => ({ name, at: 0 }));
  for (;;) {
    await read("cmd-001.stdout.log", 0, 1);
    let came = false;
    for (const file of files) {
      for (let length = -1; length !== 0; came ||= length > 0) {
        length = await read(file.name, file.at, PORTION);
        file.at += length;
      }
    }
    first();
    if (!came) await sleep(POLL_MS);
  }
}

const followed = (follow) => new Promise((resolve, reject) => void follow(resolve).catch(reject));
await Promise.all([
  ...Array.from({ length: events }, () => followed(followEvents)),
  ...Array.from({ length: logs }, () => followed(followLog)),
]);
process.send({ following: true });
process.on("disconnect", () => process.exit(0));
