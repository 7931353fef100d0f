import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Frozen, ProblemError } from "orchestrator-core";

/** Whether leasing stands still. Kept in `STATE/frozen.json`, so that it outlives the daemon and can be seen without. */
export interface Freeze {
  readonly now: Frozen | null;
  /** On the disk when it returns. */
  set(frozen: Frozen | null): void;
}

export function openFreeze(state: string): Freeze {
  const file = join(state, "frozen.json");
  let now = read(file);
  return {
    get now() {
      return now;
    },
    set(frozen) {
      if (frozen === null) rmSync(file, { force: true });
      else {
        writeFileSync(`${file}.new`, `${JSON.stringify(frozen, null, 2)}\n`, { mode: 0o600, flush: true });
        renameSync(`${file}.new`, file);
      }
      const directory = openSync(state, "r");
      fsyncSync(directory);
      closeSync(directory);
      now = frozen;
    },
  };
}

function read(file: string): Frozen | null {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    return JSON.parse(text) as Frozen;
  } catch {
    // to go on as if nobody had stopped us would be the wrong guess
    throw new ProblemError({
      code: "store-unusable",
      message: `${file} cannot be read, so it is not known whether leasing is frozen`,
      hint: "remove it to go on",
    });
  }
}
