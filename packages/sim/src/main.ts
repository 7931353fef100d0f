import { fork } from "node:child_process";
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { simulate } from "./simulate.ts";
import { newSummary, noteOutcome, type SeedReport, summaryText, thin } from "./summary.ts";

/**
 * `npm run sim -- [--seed N] [--seeds K] [--jobs J]`: K worlds from seed N on; a fresh one without it. One seed prints
 * its whole trace with `--trace`. Exit code 1: a violation, or a fault that was made too seldom to count.
 */
const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "1" },
    jobs: { type: "string", default: "2" },
    trace: { type: "boolean", default: false },
  },
});

const TRACE_LINES = 60;
/** Each of so many seeds is run a second time, and its trace compared. */
const HANG_MS = 60_000;

async function one(seed: string): Promise<number> {
  const outcome = await simulate(seed);
  const again = await simulate(seed);
  const same = outcome.trace.join("\n") === again.trace.join("\n");
  const shown = values.trace ? outcome.trace : outcome.violations.length > 0 ? outcome.trace.slice(-TRACE_LINES) : [];
  if (shown.length > 0) process.stdout.write(`${shown.join("\n")}\n`);
  const { steps, virtual_ms, sizes, violations } = outcome;
  process.stdout.write(
    `seed ${seed}: ${sizes.length} runs of ${sizes.join(", ")} stages, ${steps} events in ${Math.round(virtual_ms)} virtual ms\n`,
  );
  for (const { checker, message } of violations) process.stdout.write(`violation ${checker}: ${message}\n`);
  if (!same) process.stdout.write("violation determinism: the second run of this seed has another trace\n");
  return violations.length > 0 || !same ? 1 : 0;
}

/** Seeds by turns to child processes; a child that hangs is ended, and its seed named. */
function many(first: number, count: number, jobs: number): Promise<number> {
  const summary = newSummary();
  const began = performance.now();
  let next = first;
  let running = 0;
  return new Promise((resolve) => {
    const end = (): void => {
      const seconds = (performance.now() - began) / 1_000;
      const missing = thin(summary);
      process.stdout.write(summaryText(summary, seconds));
      for (const line of missing) process.stdout.write(`too seldom: ${line}\n`);
      resolve(summary.failed.length > 0 || missing.length > 0 ? 1 : 0);
    };
    const launch = (): void => {
      const child = fork(new URL("./worker.js", import.meta.url));
      let seed = 0;
      let watch: NodeJS.Timeout | undefined;
      running++;
      const give = (): void => {
        clearTimeout(watch);
        if (next >= first + count) {
          child.disconnect();
          return;
        }
        seed = next++;
        watch = setTimeout(() => child.kill("SIGKILL"), HANG_MS);
        child.send({ seed: String(seed) });
      };
      child.on("message", (report: SeedReport) => {
        noteOutcome(summary, report);
        give();
      });
      child.on("exit", (code, signal) => {
        clearTimeout(watch);
        running--;
        if (code !== 0) {
          const message = signal === null ? `the process ended with ${code}` : `no end after ${HANG_MS} ms: ${signal}`;
          noteOutcome(summary, {
            seed: String(seed),
            violations: [{ checker: "hang", message }],
            tail: [],
            tally: null,
            sizes: [],
          });
          launch();
        } else if (running === 0) end();
      });
      give();
    };
    for (let i = 0; i < jobs; i++) launch();
  });
}

const first = values.seed ?? String(randomInt(1, 2 ** 32));
const count = Number(values.seeds);
process.exitCode = count === 1 ? await one(first) : await many(Number(first), count, Number(values.jobs));
