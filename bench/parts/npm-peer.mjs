// Peers that come from npm: found in a directory where `npm install` was run for them, and never in ours.
import { readFileSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Throws where it is not there. */
export function versionOf(peers_dir, name) {
  const file = join(peers_dir, "node_modules", name, "package.json");
  try {
    return JSON.parse(readFileSync(file, "utf8")).version;
  } catch {
    throw new Error(`no ${file}; see bench/README.md`);
  }
}

/** Loads what a package exports. */
export const load = (peers_dir, name) =>
  import(pathToFileURL(createRequire(join(peers_dir, "package.json")).resolve(name)).href);

/** Lets programs in `directory` find the packages. */
export const lend = (peers_dir, directory) =>
  symlinkSync(join(peers_dir, "node_modules"), join(directory, "node_modules"));
