import { writeSync } from "node:fs";
import { type Ended, endUnkept, type Ports, type Processes } from "orchestrator-agent";

/**
 * The processes of a pretended machine. Programs: `sleep` lives until it is signalled, `false` fails, all others
 * write a line and succeed. They outlive the agent that started them, as real ones do.
 */
export interface Machine {
  /** A new process of the agent, and its sight of the machine. */
  boot(dead: () => boolean, clock: Ports["clock"]): Processes;
  /** Execs of which a process lives. */
  live(): readonly string[];
  /** Execs of which a process was ever started. */
  readonly started: ReadonlySet<string>;
}

interface Process {
  readonly pid: number;
  readonly mark: string;
  end: ((signal: string | null, code: number | null) => void) | null;
}

const MARK = "ORCHESTRATOR_EXEC_ID=";

export function makeMachine(): Machine {
  const processes = new Map<number, Process>();
  const agents = new Map<number, () => boolean>();
  const started = new Set<string>();
  let pids = 100;

  const alive = (pid: number): boolean => processes.get(pid)?.end != null || agents.get(pid)?.() === false;

  return {
    started,
    live: () => [...processes.values()].flatMap(({ end, mark }) => (end === null ? [] : [mark.slice(MARK.length)])),
    boot(dead, clock) {
      const self = ++pids;
      agents.set(self, dead);
      const pretended: Processes = {
        self: { pid: self, uid: 0, host: "pretended" },
        boot: "boot",
        supervisor: "none",
        start({ argv0, env, stdout, mark, signal }) {
          if (dead()) throw new Error("a dead agent starts nothing");
          const pid = ++pids;
          const exec_id = env.ORCHESTRATOR_EXEC_ID ?? "";
          started.add(exec_id);
          const state = { pid, mark, signal, has_ended: false };
          const ended = new Promise<Ended>((resolve) => {
            const process: Process = {
              pid,
              mark: `${MARK}${exec_id}`,
              end(signal, code) {
                process.end = null;
                state.has_ended = true;
                resolve({ started: true, exit: { code, signal }, usage: null, cut: null });
              },
            };
            processes.set(pid, process);
            if (argv0 === "sleep") return;
            writeSync(stdout, `${argv0} was here\n`);
            setImmediate(() => process.end?.(null, argv0 === "false" ? 1 : 0));
          });
          return {
            pid: Promise.resolve(pid),
            ended,
            end: (why, grace) => endUnkept({ clock, processes: pretended }, state, why, grace),
            extend: () => undefined,
          };
        },
        // a dead agent ends nothing any more
        signal: (pgid, signal) => (dead() ? undefined : processes.get(pgid)?.end?.(signal, null)),
        mayExist: alive,
        find: ({ pgids, mark }) =>
          [...processes.values()]
            .filter(({ pid, end, mark: own }) => end !== null && (pgids.includes(pid) || own === mark))
            .map(({ pid }) => ({ pid, pgid: pid })),
        startOf: (pid) => (alive(pid) ? `start-${pid}` : null),
      };
      return pretended;
    },
  };
}
