import { dirname, join } from "node:path";
import {
  bundlePath,
  canonicalJson,
  logName,
  type Manifest,
  MANIFEST_NAME,
  manifestText,
  rfc3339,
} from "orchestrator-core";
import type { HeldGrant } from "../held.ts";
import { errorText } from "../log.ts";
import type { Files, Ports } from "../ports.ts";
import { hashOpen, hashText, type Hashed } from "./hash.ts";

/**
 * The one module that writes bundles.
 *
 * 1. A bundle is written at `<stage_id>/.tmp-<exec_id>/` and appears at `<exec_id>` by one rename; what is there is
 *    never replaced and never written again.
 * 2. Everything in it, and the directory itself, is synced before the rename; the rename is synced before `publish`
 *    returns, and so before anything is reported.
 * 3. One that was cut off is marked by `incomplete.json` and renamed to `<exec_id>.incomplete`. It is not mended.
 * 4. One whose report was refused stays, with `<exec_id>.fenced.json` beside it.
 */
export interface Bundle {
  /** Two new log files, open until the bundle is published or given up. */
  openLogs(command: number): { readonly stdout: number; readonly stderr: number };
  /** Syncs everything and publishes. Returns the text of manifest.json. */
  publish(manifest: (files: Manifest["files"]) => Manifest): Promise<string>;
  /** Closes the logs without publishing. */
  close(): void;
}

type World = Pick<Ports, "clock" | "files">;

/** Above this a log is synced beside other work: a sync of gigabytes takes seconds, and leases run on. */
const SYNC_BESIDE_BYTES = 4 * 1024 * 1024;

export interface BundlePaths {
  readonly stage: string;
  readonly temporary: string;
  readonly published: string;
  readonly incomplete: string;
  readonly fenced: string;
}

export function bundlePaths(state: string, { run_id, stage_id, exec_id }: HeldGrant): BundlePaths {
  const published = join(state, bundlePath(run_id, stage_id, exec_id));
  const stage = dirname(published);
  return {
    stage,
    temporary: join(stage, `.tmp-${exec_id}`),
    published,
    incomplete: `${published}.incomplete`,
    fenced: `${published}.fenced.json`,
  };
}

export function beginBundle({ clock, files }: World, paths: BundlePaths): Bundle {
  const topmost_created = files.mkdirs(paths.temporary, 0o700);
  const open: { readonly name: string; readonly fd: number }[] = [];

  function openLog(name: string): number {
    const fd = files.openNew(join(paths.temporary, name), 0o600);
    open.push({ name, fd });
    return fd;
  }

  function close(): void {
    for (const { fd } of open.splice(0)) files.close(fd);
  }

  return {
    openLogs: (command) => ({
      stdout: openLog(logName(command, "stdout")),
      stderr: openLog(logName(command, "stderr")),
    }),
    async publish(manifest) {
      const hashed: Manifest["files"] = [];
      for (const { name, fd } of open) {
        const { size, sha256 } = await hashOpen({ clock, files }, fd);
        files.chmod(fd, 0o444);
        // an empty file has nothing to sync but its name, and that is the directory's
        if (size > SYNC_BESIDE_BYTES) await files.syncLater(fd);
        else if (size > 0) files.sync(fd);
        hashed.push({ name, size, sha256 });
      }
      close();
      hashed.sort((a, b) => (a.name < b.name ? -1 : 1));
      const text = manifestText(manifest(hashed));
      writeSynced(files, join(paths.temporary, MANIFEST_NAME), text);
      files.syncDirectory(paths.temporary, 0o555);
      if (files.exists(paths.published)) throw new Error(`${paths.published} exists already`);
      files.rename(paths.temporary, paths.published);
      syncNames(files, paths.stage, topmost_created);
      return text;
    },
    close,
  };
}

function writeSynced(files: Files, path: string, text: string): void {
  const fd = files.openNew(path, 0o600);
  try {
    files.write(fd, text);
    files.chmod(fd, 0o444);
    files.sync(fd);
  } finally {
    files.close(fd);
  }
}

/**
 * Syncs the directory of the bundles, and the names of those above it that this exec made, or that another agent may
 * have made and not synced yet: what this process has never synced itself may be gone after a power cut.
 */
function syncNames(files: Files, stage: string, topmost_created: string | null): void {
  files.syncDirectory(stage, null);
  const run = dirname(stage);
  const known = namesSynced(files);
  for (let made = stage; ; made = dirname(made)) {
    const isOurs = topmost_created !== null && made.length >= topmost_created.length;
    const isNew = (made === stage || made === run) && !known.has(made);
    if (!isOurs && !isNew) return;
    files.syncDirectory(dirname(made), null);
    known.add(made);
  }
}

/** A bundle that an earlier process published: it may have died before the rename was synced. */
export const syncPublished = (files: Files, { stage }: BundlePaths): void => syncNames(files, stage, null);

const NAMES_MAX = 4_096;
const names = new WeakMap<Files, Set<string>>();

/** The directories of stages and runs whose names this process has synced. */
function namesSynced(files: Files): Set<string> {
  let known = names.get(files);
  if (known === undefined || known.size > NAMES_MAX) {
    known = new Set();
    names.set(files, known);
  }
  return known;
}

export interface Sealing {
  /** Who seals, which may be another agent than the one that held the exec. */
  readonly sealed_by: { readonly agent_id: string; readonly pid: number; readonly host: string };
  readonly held_by: string;
  /** `agent_died`: found by a later process. The others: the agent itself gave the exec up. */
  readonly why: "agent_died" | "agent_stopped" | "disk_error";
  readonly message: string;
  /** Signals that were sent to processes which the exec had left behind. */
  readonly signalled: readonly {
    readonly signal: string;
    readonly at: string;
    readonly pgid: number;
    readonly why: string;
  }[];
  readonly survivors: number;
}

/**
 * Marks a cut-off bundle, if there is one, and moves it to its last place. What was found is listed with sizes and
 * hashes; nothing of it is changed.
 */
export async function sealIncomplete(
  { clock, files }: World,
  paths: BundlePaths,
  grant: HeldGrant,
  sealing: Sealing,
): Promise<void> {
  if (!files.exists(paths.temporary)) return;
  // a crash between the directory's last chmod and its rename leaves it read-only
  files.syncDirectory(paths.temporary, 0o700);
  const found: ({ readonly name: string } & Hashed)[] = [];
  for (const name of files.list(paths.temporary)) {
    if (name === INCOMPLETE_NAME || files.stat(join(paths.temporary, name))?.kind !== "file") continue;
    const fd = files.openRead(join(paths.temporary, name));
    try {
      found.push({ name, ...(await hashOpen({ clock, files }, fd)) });
    } finally {
      files.close(fd);
    }
  }
  const { run_id, stage_id, exec_id, fence } = grant;
  const sealed_at = rfc3339(clock.wall());
  const mark = { schema: "orchestrator.incomplete/1", run_id, stage_id, exec_id, fence, sealed_at, ...sealing, found };
  // half a mark of an earlier attempt to seal
  files.remove(join(paths.temporary, INCOMPLETE_NAME));
  writeSynced(files, join(paths.temporary, INCOMPLETE_NAME), canonicalJson(mark));
  files.syncDirectory(paths.temporary, 0o555);
  files.rename(paths.temporary, paths.incomplete);
  files.syncDirectory(paths.stage, null);
}

const INCOMPLETE_NAME = "incomplete.json";

/**
 * Seals what is left of a bundle, as far as a failing disk lets us. One that failed after its rename stands there
 * whole, and is marked: its exec was reported as not recorded. Returns what went wrong, or the empty string.
 */
export async function sealIfPossible(
  world: World,
  paths: BundlePaths,
  grant: HeldGrant,
  sealing: Sealing,
): Promise<string> {
  try {
    await sealIncomplete(world, paths, grant, sealing);
    if (world.files.exists(paths.published)) markFenced(world, paths, grant.exec_id, sealing.why, sealing.message);
    return "";
  } catch (error) {
    return errorText(error);
  }
}

/** The bundle of an exec whose report changed nothing. There may be none: an exec that never began has none. */
export function markFenced(
  { clock, files }: World,
  paths: BundlePaths,
  exec_id: string,
  code: string,
  message: string,
): void {
  if (!files.exists(paths.published) && !files.exists(paths.incomplete)) return;
  const mark = {
    schema: "orchestrator.fenced/1",
    exec_id,
    code,
    message,
    at: rfc3339(clock.wall()),
    ...hashOfManifest(files, paths),
  };
  // a crash may have left one, and what is read-only no ordinary user writes to
  files.remove(paths.fenced);
  files.writeText(paths.fenced, canonicalJson(mark), 0o444);
  files.syncDirectory(paths.stage, null);
}

function hashOfManifest(files: Files, paths: BundlePaths): { readonly manifest_sha256: string | null } {
  const text = files.readText(join(paths.published, MANIFEST_NAME));
  return { manifest_sha256: text === null ? null : hashText(text).sha256 };
}
