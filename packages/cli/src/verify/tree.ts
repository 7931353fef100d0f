import { existsSync, type Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isUlid, MANIFEST_NAME } from "orchestrator-core";
import { type BundleFinding, type BundlePlace, type BundleReport, verifyBundle } from "./bundle.ts";
import { directoryReader } from "./directory.ts";

/** A bundle, or what lies where one should, with its report. */
export interface TreeReport extends BundleReport {
  /** Relative to the directory that was asked about; `.` for itself. */
  readonly path: string;
  /** Its report was refused: it is kept as evidence, and decided nothing. */
  readonly fenced: boolean;
}

/** What a directory is, by its name and what it holds. */
export type TreeKind = "run" | "stage" | "bundle";

export function kindOf(dir: string): TreeKind {
  const name = basename(dir);
  if (existsSync(join(dir, MANIFEST_NAME)) || name.endsWith(INCOMPLETE) || name.startsWith(TMP)) return "bundle";
  if (!isUlid(name)) return isUlid(basename(dirname(dir))) ? "stage" : "bundle";
  // RUN/STAGE/EXEC: the only ULID above a ULID is two levels up
  return isUlid(basename(dirname(dirname(dir)))) ? "bundle" : "run";
}

const INCOMPLETE = ".incomplete";
const TMP = ".tmp-";
const FENCED = ".fenced.json";

/** Verifies all bundles in a directory of a run, of a stage, or one bundle. */
export async function* verifyTree(dir: string): AsyncGenerator<TreeReport> {
  switch (kindOf(dir)) {
    case "bundle":
      yield await verifyEntry(dir, ".", placeOf(dir));
      return;
    case "stage":
      yield* verifyStage(dir, "", { run_id: basename(dirname(dir)), stage_id: basename(dir) });
      return;
    case "run":
      for (const entry of await list(dir)) {
        const path = join(dir, entry.name);
        if (entry.isDirectory()) {
          yield* verifyStage(path, entry.name, { run_id: basename(dir), stage_id: entry.name });
        } else {
          yield stray(entry.name, entry);
        }
      }
  }
}

/** What the names above a bundle say of it, where they have the form of ours. A copy elsewhere may be named freely. */
function placeOf(dir: string): BundlePlace {
  const exec_id = basename(dir).replace(TMP, "").replace(INCOMPLETE, "");
  const run_id = basename(dirname(dirname(dir)));
  return {
    ...(isUlid(exec_id) ? { exec_id } : {}),
    ...(isUlid(run_id) ? { run_id, stage_id: basename(dirname(dir)) } : {}),
  };
}

async function* verifyStage(dir: string, shown: string, place: BundlePlace): AsyncGenerator<TreeReport> {
  for (const entry of await list(dir)) {
    const path = join(shown, entry.name);
    const exec_id = entry.name.replace(TMP, "").replace(INCOMPLETE, "");
    if (entry.isDirectory() && isUlid(exec_id)) {
      yield await verifyEntry(join(dir, entry.name), path, { ...place, exec_id });
    } else if (!(entry.isFile() && entry.name.endsWith(FENCED) && isUlid(entry.name.slice(0, -FENCED.length)))) {
      yield stray(path, entry);
    }
  }
}

async function verifyEntry(dir: string, path: string, place: BundlePlace): Promise<TreeReport> {
  const name = basename(dir);
  const fenced = existsSync(`${dir}${FENCED}`);
  const cut_off = name.endsWith(INCOMPLETE)
    ? "its writing was cut off: its agent was killed or lost power"
    : name.startsWith(TMP)
      ? "it is still being written, or its writing was cut off"
      : null;
  if (cut_off !== null) return { ...bare(path, { status: "incomplete", message: cut_off }), fenced };
  return { ...(await verifyBundle(directoryReader(dir), place)), path, fenced };
}

const stray = (path: string, entry: Dirent): TreeReport => {
  const kind = entry.isSymbolicLink() ? "symbolic link" : entry.isDirectory() ? "directory" : "file";
  return bare(path, { status: "tampered", message: `this ${kind} is no bundle, and does not belong here` });
};

/** A report of something that has no manifest to read. */
export const bare = (path: string, { status, message }: Pick<BundleFinding, "status" | "message">): TreeReport => ({
  status,
  manifest_sha256: null,
  manifest: null,
  files: 0,
  size: 0,
  findings: [{ status, file: null, offset: null, message }],
  path,
  fenced: false,
});

const list = async (dir: string): Promise<Dirent[]> =>
  (await readdir(dir, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
