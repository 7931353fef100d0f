import { chmodSync, lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Removes a directory with the bundles in it, which are read-only: a normal user has to open them first. */
export function removeTree(top: string): void {
  if (lstatSync(top, { throwIfNoEntry: false }) === undefined) return;
  open(top);
  rmSync(top, { recursive: true, force: true, maxRetries: 5 });
}

function open(directory: string): void {
  chmodSync(directory, 0o700);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) open(join(directory, entry.name));
  }
}
