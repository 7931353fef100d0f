import { type ManifestCommand, rfc3339 } from "orchestrator-core";
import { pause } from "../link.ts";
import { times } from "../options.ts";
import type { Ports, ProcessFound, ProcessSearch, Signal } from "../ports.ts";

export type Signalled = ManifestCommand["signalled"][number];

export interface Ending {
  readonly signalled: readonly Signalled[];
  /** Processes still there when we gave up. */
  readonly survivors: number;
}

const PAUSE_MS = 2;
const PAUSE_MS_MAX = 50;

/**
 * Ends processes: SIGTERM to each of their groups, a grace, SIGKILL to what is left, and looks after them until none
 * is. `grace` is asked again and again, since an impatient user may take it back.
 */
export async function endProcesses(
  { clock, processes }: Pick<Ports, "clock" | "processes">,
  search: ProcessSearch,
  why: string,
  grace: () => number,
): Promise<Ending> {
  const signalled: Signalled[] = [];
  const begun = clock.now();
  let left = processes.find(search);

  function send(signal: Signal, to: readonly ProcessFound[]): void {
    const known = new Set(signalled.filter((s) => s.signal === signal).map((s) => s.pgid));
    for (const pgid of new Set(to.map((p) => p.pgid))) {
      processes.signal(pgid, signal);
      // a group that forks faster than it dies is signalled again, and recorded once
      if (!known.has(pgid)) signalled.push({ signal, at: rfc3339(clock.wall()), pgid, why });
    }
  }

  async function until(deadline: () => number, signal: Signal | null): Promise<void> {
    for (let wait = PAUSE_MS; left.length > 0 && clock.now() < deadline(); wait = Math.min(wait * 2, PAUSE_MS_MAX)) {
      await pause(clock, Math.min(wait, Math.max(1, deadline() - clock.now())));
      left = processes.find(search);
      if (signal !== null) send(signal, left);
    }
  }

  if (grace() > 0) {
    send("SIGTERM", left);
    await until(() => begun + grace(), null);
  }
  if (left.length > 0) {
    send("SIGKILL", left);
    const given_up = clock.now() + times.kill_ms;
    await until(() => given_up, "SIGKILL");
  }
  return { signalled, survivors: left.length };
}
