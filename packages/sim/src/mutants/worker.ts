import { register } from "node:module";
import { mutants, UNCHANGED } from "./list.ts";

/** A process with one mutant in it: runs seeds until one is caught, or none is left. */
export interface MutantResult {
  readonly name: string;
  /** Null: it survived. */
  readonly seed: string | null;
  readonly checker: string;
  readonly message: string;
  readonly seeds: number;
}

const [name, first = "1", count = "1000"] = process.argv.slice(2);
const mutant = mutants.find((known) => known.name === name);
if (mutant === undefined && name !== UNCHANGED) throw new Error(`no mutant is called ${name}`);

if (mutant !== undefined) register("./hooks.js", import.meta.url, { data: mutant });
const { simulate } = await import("../simulate.ts");

async function hunt(): Promise<MutantResult> {
  for (let i = 0; i < Number(count); i++) {
    const seed = String(Number(first) + i);
    process.send?.({ at: seed });
    const { violations } = await simulate(seed);
    const [violation] = violations;
    if (violation) return { name: name!, seed, seeds: i + 1, checker: violation.checker, message: violation.message };
  }
  return { name: name!, seed: null, seeds: Number(count), checker: "", message: "" };
}

process.send?.(await hunt());
process.disconnect?.();
