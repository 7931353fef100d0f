import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Edit, Mutant } from "./list.ts";
import { mutate } from "./mutate.ts";

/** Node's loader hooks (nodejs.org/api/module.html): the mutant's files are changed on their way into memory. */
let edits: readonly Edit[] = [];

export function initialize(mutant: Mutant): void {
  edits = mutant.edits;
}

interface Loaded {
  readonly format: string;
  readonly source: string;
  readonly shortCircuit: boolean;
}

export async function load(
  url: string,
  context: object,
  next: (url: string, context: object) => Promise<Loaded>,
): Promise<Loaded> {
  const own = edits.filter(({ file }) => url.endsWith(built(file)));
  if (own.length === 0) return next(url, context);
  const source = mutate(await readFile(fileURLToPath(url), "utf8"), own);
  return { format: "module", source, shortCircuit: true };
}

const built = (file: string): string => `/packages/${file.replace(" ", "/dist/")}.js`;
