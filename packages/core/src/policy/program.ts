import { baseName } from "../path.ts";
import { launchers } from "./launchers.ts";
import type { LauncherRow } from "./row.ts";
import { shells } from "./shells.ts";

/** What policy's tables say of a program, by its name alone. The agent looks at the file as well. */
export type Known =
  | { readonly is: "shell" }
  | { readonly is: "launcher"; readonly row: LauncherRow }
  | { readonly is: "other" };

const shellNames = new Set(shells.flatMap((row) => row.names));
const launcherRows = new Map(launchers.flatMap((row) => row.names.map((name) => [name, row] as const)));

export function lookUp(program: string): Known {
  const name = baseName(program)
    .toLowerCase()
    .replace(/\.(?:exe|com|bat|cmd)$/, "");
  if (shellNames.has(name) || shellNames.has(name.replace(/[-_.]?[0-9][0-9.]*$/, ""))) return { is: "shell" };
  const row = launcherRows.get(name);
  return row ? { is: "launcher", row } : { is: "other" };
}
