import { fork } from "node:child_process";
import { parseArgs } from "node:util";
import { mutants } from "./list.ts";
import type { MutantResult } from "./worker.ts";

/**
 * `npm run sim:mutants -- [--only NAME,…] [--seeds 1000] [--seed 1] [--jobs 2]`: each planted bug until a seed catches
 * it. Exit code 1: one survived, or could not be planted.
 */
const { values } = parseArgs({
  options: {
    only: { type: "string" },
    seed: { type: "string", default: "1" },
    seeds: { type: "string", default: "1000" },
    jobs: { type: "string", default: "2" },
  },
});

/** A world that stands still is caught as well: nothing of ours may spin. */
const HANG_MS = 20_000;

const only = values.only?.split(",");
const waiting = mutants.filter(({ name }) => only === undefined || only.includes(name));
const results: MutantResult[] = [];
const began = performance.now();

function hunt(name: string): Promise<MutantResult> {
  return new Promise((resolve) => {
    const child = fork(new URL("./worker.js", import.meta.url), [name, values.seed, values.seeds], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    let seed = values.seed;
    let errors = "";
    let result: MutantResult | null = null;
    let watch: NodeJS.Timeout | undefined;
    child.stderr?.on("data", (chunk: Buffer) => {
      errors += chunk.toString("utf8");
    });
    child.on("message", (message: { at: string } | MutantResult) => {
      clearTimeout(watch);
      if ("at" in message) {
        seed = message.at;
        watch = setTimeout(() => child.kill("SIGKILL"), HANG_MS);
      } else result = message;
    });
    child.on("exit", (_code, signal) => {
      clearTimeout(watch);
      const seeds = Number(seed) - Number(values.seed) + 1;
      if (result !== null) resolve(result);
      else if (signal !== null) resolve({ name, seed, seeds, checker: "hang", message: `no end after ${HANG_MS} ms` });
      else {
        const why = errors.split("\n").find((line) => /Error|NotPlanted/.test(line)) ?? errors.slice(0, 300);
        resolve({ name, seed: null, seeds: 0, checker: "", message: `not planted: ${why}` });
      }
    });
  });
}

async function next(): Promise<void> {
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const result = await hunt(mutant.name);
    results.push(result);
    const { seed, checker, message, seeds } = result;
    const said =
      seed === null ? `SURVIVED ${seeds} seeds ${message}` : `seed ${seed} ${checker}: ${message.slice(0, 110)}`;
    process.stdout.write(`${mutant.name.padEnd(28)} ${said}\n`);
  }
}

await Promise.all(Array.from({ length: Number(values.jobs) }, next));
const survivors = results.filter(({ seed }) => seed === null);
const seconds = ((performance.now() - began) / 1_000).toFixed(0);
process.stdout.write(`\n${results.length - survivors.length} of ${results.length} caught in ${seconds} s\n`);
if (survivors.length > 0) process.stdout.write(`survived: ${survivors.map(({ name }) => name).join(", ")}\n`);
process.exitCode = survivors.length > 0 ? 1 : 0;
