// The one agent of floor-jobs.mjs, and who submits to it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { httpTransport } from "orchestrator-agent/packed";

const program = join(dirname(fileURLToPath(import.meta.url)), "..", "floor-jobs.mjs");

export async function startQueueFloor(directory) {
  const child = spawn(process.execPath, [program, join(directory, "journal")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [port] = await once(child.stdout, "data");
  const transport = httpTransport(`http://127.0.0.1:${String(port).trim()}`);
  const ask = async (body) => {
    const reply = await transport({
      method: "POST",
      path: "/",
      headers: {},
      body: JSON.stringify(body),
      timeout_ms: 60_000,
    });
    return JSON.parse(reply.body);
  };
  return {
    /** ms from the submit to the last report's answer. `join`: one more job, after all others. */
    async jobs(count, slots, { join = false } = {}) {
      const begun = performance.now();
      await ask({ submit: count });
      for (let left = count, done = []; left > 0; ) {
        const jobs = await ask({ done, jobs_max: slots });
        left -= jobs.length;
        done = jobs;
        if (left > 0) continue;
        await ask({ done });
        if (join)
          await ask({ submit: 1 })
            .then(() => ask({ jobs_max: 1 }))
            .then((last) => ask({ done: last }));
      }
      return performance.now() - begun;
    },
    /** ms from before the submit until a parked claim has the job. */
    async start() {
      const claim = ask({ jobs_max: 1 });
      const begun = performance.now();
      await Promise.all([ask({ submit: 1 }), claim.then(() => undefined)]);
      const ms = performance.now() - begun;
      await ask({ done: await claim });
      return ms;
    },
    async stop() {
      child.kill();
      await once(child, "exit");
    },
  };
}
