import { join, resolve } from "node:path";
import { err, type Grant, OUTPUT_BYTES_MAX, type Result } from "orchestrator-core";
import { readPlain } from "../plain-file.ts";
import type { Files } from "../ports.ts";
import { parseOutputs } from "./outputs.ts";

/** The two files that a stage's commands read and write beside their workspace. Never in the bundle. */
export interface Scratch {
  readonly directory: string;
  readonly output: string;
  readonly requires: string;
  outputs(): Result<Readonly<Record<string, string>>, string>;
  remove(): void;
}

export const scratchDirectory = (agent_directory: string, exec_id: string): string =>
  join(agent_directory, "scratch", exec_id);

export function makeScratch(files: Files, directory: string, state: string, requires: Grant["requires"]): Scratch {
  const output = join(directory, "output");
  const requires_file = join(directory, "requires.json");
  files.mkdirs(directory, 0o700);
  files.writeText(output, "", 0o600);
  files.writeText(requires_file, requiresText(state, requires), 0o600);
  return {
    directory,
    output,
    requires: requires_file,
    outputs: () => readOutputs(files, output),
    remove() {
      files.remove(output);
      files.remove(requires_file);
      // faster than a tree's removal, which is for what commands may have put there
      if (!files.rmdir(directory)) files.removeTree(directory);
    },
  };
}

function requiresText(state: string, requires: Grant["requires"]): string {
  const entries = requires.map(({ stage_id, exec_id, outputs, bundle }) => [
    stage_id,
    { exec_id, outputs, bundle: bundle === null ? null : resolve(state, bundle) },
  ]);
  return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
}

function readOutputs(files: Files, path: string): ReturnType<typeof parseOutputs> {
  const read = readPlain(files, path, OUTPUT_BYTES_MAX);
  if (!read.ok) return err("ORCHESTRATOR_OUTPUT is no longer a file");
  return read.value === null ? err("ORCHESTRATOR_OUTPUT was removed") : parseOutputs(read.value);
}
