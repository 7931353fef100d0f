import { rfc3339, type StopSignal } from "orchestrator-core";
import { pause } from "../link.ts";
import { times } from "../options.ts";
import type { Ending, Ports, ProcessFound, ProcessSearch, Signal, StartCommand } from "../ports.ts";

type World = Pick<Ports, "clock" | "processes">;

const NOTHING: Ending = { signalled: [], survivors: 0 };

const PAUSE_MS = 2;
const PAUSE_MS_MAX = 50;

/**
 * Ends processes: a signal to each of their groups, a grace, SIGKILL to what is left, and looks after them until none
 * is. `grace` is asked again and again, since an impatient user may take it back.
 */
export async function endProcesses(
  { clock, processes }: World,
  search: ProcessSearch,
  why: string,
  grace: () => number,
  first: StopSignal = "SIGTERM",
): Promise<Ending> {
  const signalled: Ending["signalled"][number][] = [];
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
    send(first, left);
    await until(() => begun + grace(), null);
  }
  if (left.length > 0) {
    send("SIGKILL", left);
    const given_up = clock.now() + times.kill_ms;
    await until(() => given_up, "SIGKILL");
  }
  return { signalled, survivors: left.length };
}

/** Ends a command that has no keeper: what is in its group, and, where it was stopped, whatever carries its mark. */
export function endUnkept(
  world: World,
  command: Pick<StartCommand, "mark" | "signal"> & { readonly pid: number | null; readonly has_ended: boolean },
  why: string,
  grace: () => number,
): Promise<Ending> {
  const { pid, mark, has_ended, signal } = command;
  if (pid === null) return Promise.resolve(NOTHING);
  if (!has_ended) return endProcesses(world, { pgids: [pid], mark }, why, grace, signal);
  const search = { pgids: [pid], mark: null };
  return world.processes.mayExist(pid) ? endProcesses(world, search, why, grace, signal) : Promise.resolve(NOTHING);
}
