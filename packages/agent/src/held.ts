import { join } from "node:path";
import type { Grant } from "orchestrator-core";
import type { Files } from "./ports.ts";

/**
 * What the agent holds, on disk, so that a later process knows what an earlier one left behind:
 * `held/<exec_id>.ndjson`, the grant in the first line, then one line for each process started. It is written before
 * the exec begins and removed once its report was answered.
 */
export interface HeldFiles {
  hold(grant: HeldGrant): void;
  started(exec_id: string, process: HeldProcess): void;
  release(exec_id: string): void;
  all(): readonly HeldRecord[];
}

/** What names an exec to the daemon. */
export type HeldGrant = Pick<Grant, "run_id" | "stage_id" | "exec_id" | "fence">;

export interface HeldProcess {
  readonly pid: number;
  readonly pid_start: string;
  readonly boot: string;
}

export interface HeldRecord {
  readonly grant: HeldGrant;
  readonly processes: readonly HeldProcess[];
}

export function heldFiles(files: Files, directory: string): HeldFiles {
  const place = join(directory, "held");
  const fileOf = (exec_id: string): string => join(place, `${exec_id}.ndjson`);
  files.mkdirs(place, 0o700);
  return {
    hold({ run_id, stage_id, exec_id, fence }) {
      files.writeText(fileOf(exec_id), `${JSON.stringify({ run_id, stage_id, exec_id, fence })}\n`, 0o600);
    },
    started: (exec_id, process) => files.append(fileOf(exec_id), `${JSON.stringify(process)}\n`),
    release: (exec_id) => files.remove(fileOf(exec_id)),
    all: () =>
      files.list(place).flatMap((name) => {
        const record = parse(files.readText(join(place, name)) ?? "");
        if (record !== null) return [record];
        // the grant was not even written down, so nothing was begun
        files.remove(join(place, name));
        return [];
      }),
  };
}

/** Null: cut off within its first line. A last line that is cut off is a process that `find` knows by its mark. */
function parse(text: string): HeldRecord | null {
  const lines = text.split("\n").slice(0, -1);
  const [first, ...rest] = lines;
  if (first === undefined) return null;
  return { grant: JSON.parse(first) as HeldGrant, processes: rest.map((line) => JSON.parse(line) as HeldProcess) };
}
