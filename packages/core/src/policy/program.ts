import { baseName } from "../path.ts";
import { words } from "./options.ts";
import type { ProgramRow, ShellRow } from "./row.ts";
import { rows } from "./tables/index.ts";
import { shells } from "./tables/shells.ts";

/** What policy's tables say of a program, by its name alone. The agent looks at the file as well. */
export type Known =
  | { readonly is: "shell"; readonly row: ShellRow }
  | { readonly is: "program"; readonly row: ProgramRow }
  | { readonly is: "other" };

const known = new Map<string, Known>([
  ...rows.flatMap((row) => words(row.names).map((name) => [name, { is: "program", row }] as const)),
  ...shells.flatMap((row) => words(row.names).map((name) => [name, { is: "shell", row }] as const)),
]);
const OTHER: Known = { is: "other" };

/**
 * By base name, in any case and width, without `.exe` and the like, without a version behind it (`bash5`, `python3.12`)
 * or an architecture before it (`x86_64-linux-gnu-gcc`), and without what a careless reader trims.
 */
export function lookUp(program: string): Known {
  const name = baseName(program)
    .normalize("NFKC")
    .toLowerCase()
    .replace(/^[\s-]+|[\s.;]+$/g, "")
    .replace(/\.(?:exe|com|bat|cmd)$/, "");
  const plain = name.replace(/[-_.]?[0-9][0-9.]*[a-z]?$/, "");
  const bare = plain.replace(/^[a-z0-9_]+-(?:[a-z0-9_]+-)?(?:linux|w64|apple|unknown|none|elf)-[a-z0-9_]+-/, "");
  return known.get(program) ?? known.get(name) ?? known.get(plain) ?? known.get(bare) ?? OTHER;
}

/** Whether policy has a word to say about programs of that name. */
export const isKnownProgram = (name: string): boolean => lookUp(name).is !== "other";
