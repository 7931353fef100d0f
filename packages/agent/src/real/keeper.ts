import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Processes } from "../ports.ts";
import { KeeperLink } from "./keeper-link.ts";
import { realProcesses } from "./processes.ts";

/** Where the installation puts the keeper, as seen from the sources and from what is built of them. */
export const KEEPER = join(import.meta.dirname, "..", "..", "dist", "native", "orchestrator-keeper");

/** Commands held by a keeper of their own, a process of this program. Null: it is not there, or cannot run here. */
export function keptProcesses(program: string): Processes | null {
  if (!existsSync(program) || spawnSync(program, ["--probe"], { stdio: "ignore", env: {} }).status !== 0) return null;
  const plain = realProcesses();
  let keeper: KeeperLink | null = null;
  return {
    ...plain,
    supervisor: "keeper",
    start(command) {
      // after the first one was lost, and never by something weaker than what was promised
      if (keeper === null || keeper.isLost()) keeper = new KeeperLink(program, plain);
      return keeper.start(command);
    },
  };
}
