import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { runSeeds } from "./pool.ts";
import { simulate } from "./simulate.ts";
import { newSummary, noteOutcome, progressText, summaryText, thin } from "./summary.ts";

/**
 * `npm run sim -- [--seed N] [--seeds K] [--jobs J]`: K worlds from seed N on; a fresh one without it. One seed prints
 * its whole trace with `--trace`. Many say now and then how far they are, and a violation as soon as it is found;
 * Ctrl-C ends them with the summary so far. Exit code 1: a violation, or a fault that was made too seldom to count;
 * 130: interrupted, and none so far.
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
const PROGRESS_MS = 30_000;

/** Runs it a second time, and compares the traces. */
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

async function many(first: number, count: number, jobs: number): Promise<number> {
  const summary = newSummary();
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1_000;
  const worker = new URL("./worker.js", import.meta.url);
  const pool = runSeeds({ first, count, jobs, worker }, (report) => noteOutcome(summary, report));
  const progress = setInterval(() => process.stdout.write(progressText(summary, count, seconds())), PROGRESS_MS);
  let interrupted = false;
  // a second Ctrl-C ends us at once
  process.once("SIGINT", () => {
    interrupted = true;
    pool.stop();
  });
  await pool.ended;
  clearInterval(progress);
  const missing = thin(summary);
  process.stdout.write(summaryText(summary, seconds()));
  for (const line of missing) process.stdout.write(`too seldom: ${line}\n`);
  if (summary.failed.length > 0 || missing.length > 0) return 1;
  return interrupted ? 130 : 0;
}

const first = values.seed ?? String(randomInt(1, 2 ** 32));
const count = Number(values.seeds);
process.exitCode = count === 1 ? await one(first) : await many(Number(first), count, Number(values.jobs));
