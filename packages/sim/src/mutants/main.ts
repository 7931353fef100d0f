import { fork } from "node:child_process";
import { parseArgs } from "node:util";
import { mutants, UNCHANGED } from "./list.ts";
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

/** Seeds that fail without any planted bug, which would catch everything. */
const unsound = new Map<string, Promise<boolean>>();

function isUnsound(seed: string): Promise<boolean> {
  const known = unsound.get(seed) ?? hunt(UNCHANGED, Number(seed), 1).then((result) => result.seed !== null);
  unsound.set(seed, known);
  return known;
}

/** The first seed that catches it and is sound without it. */
async function huntSoundly(name: string): Promise<MutantResult> {
  const first = Number(values.seed);
  const end = first + Number(values.seeds);
  for (let from = first; ; ) {
    const result = await hunt(name, from, end - from);
    if (result.seed === null || !(await isUnsound(result.seed))) return result;
    process.stdout.write(`seed ${result.seed} fails without ${name} as well\n`);
    process.exitCode = 1;
    from = Number(result.seed) + 1;
  }
}

function hunt(name: string, from: number, count: number): Promise<MutantResult> {
  return new Promise((resolve) => {
    const child = fork(new URL("./worker.js", import.meta.url), [name, String(from), String(count)], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    let seed = String(from);
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
    const result = await huntSoundly(mutant.name);
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
if (survivors.length > 0) process.exitCode = 1;
