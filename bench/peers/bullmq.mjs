// BullMQ on a Redis of its own that syncs each write, as ours does. Jobs are added in bulk, since a run is submitted whole.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { load, versionOf } from "../parts/npm-peer.mjs";

export const name = "BullMQ, appendfsync always";

export async function findPeer(peers_dir) {
  const version = versionOf(peers_dir, "bullmq");
  // BullMQ looks for it itself, and fails late
  versionOf(peers_dir, "ioredis");
  const redis = execFileSync("redis-server", ["--version"], { encoding: "utf8" }).split(" ")[2];
  const { Queue, Worker, FlowProducer } = await load(peers_dir, "bullmq");

  /** Calls `use` with what makes a queue and its worker, on a new Redis. */
  async function withRedis(directory, use) {
    const path = join(directory, "redis.sock");
    const args = ["--port", "0", "--unixsocket", path, "--dir", directory, "--save", ""];
    const server = spawn("redis-server", [...args, "--appendonly", "yes", "--appendfsync", "always"], {
      stdio: "ignore",
    });
    process.on("exit", () => server.kill());
    const ended = once(server, "exit");
    while (!existsSync(path)) await sleep(10);
    const open = [];
    const options = { connection: { path, maxRetriesPerRequest: null } };
    const opened = (one) => {
      open.push(one);
      return one;
    };
    try {
      return await use({
        queue: () => opened(new Queue("bench", options)),
        flows: () => opened(new FlowProducer(options)),
        async worker(concurrency, handle) {
          const worker = opened(new Worker("bench", handle, { ...options, concurrency }));
          await worker.waitUntilReady();
          return worker;
        },
      });
    } finally {
      await Promise.allSettled(open.map((one) => one.close()));
      server.kill();
      await ended;
    }
  }

  /** Resolves when the worker has completed `count` jobs. */
  const completed = (worker, count) =>
    new Promise((resolve) => {
      worker.on("completed", () => {
        if (--count === 0) resolve();
      });
    });

  const noop = async () => null;
  return {
    version: `${version}, Redis ${redis}`,
    kind: "jobs",
    jobs: (directory, count, slots) =>
      withRedis(directory, async ({ queue, worker }) => {
        const [jobs, all] = [queue(), completed(await worker(slots, noop), count)];
        await jobs.waitUntilReady();
        const begun = performance.now();
        await jobs.addBulk(Array.from({ length: count }, (_, i) => ({ name: "job", data: { i } })));
        await all;
        return performance.now() - begun;
      }),
    fan: (directory, width, slots) =>
      withRedis(directory, async ({ flows, worker }) => {
        const [producer, all] = [flows(), completed(await worker(slots, noop), width + 1)];
        await producer.waitUntilReady();
        const children = Array.from({ length: width }, (_, i) => ({ name: "job", queueName: "bench", data: { i } }));
        const begun = performance.now();
        await producer.add({ name: "join", queueName: "bench", children });
        await all;
        return performance.now() - begun;
      }),
    starts: (directory, measure) =>
      withRedis(directory, async ({ queue, worker }) => {
        let started = () => {};
        const jobs = queue();
        await worker(2, async () => started(performance.now()));
        return measure(async () => {
          const at = new Promise((resolve) => {
            started = resolve;
          });
          const begun = performance.now();
          await jobs.add("job", {});
          return (await at) - begun;
        });
      }),
  };
}
