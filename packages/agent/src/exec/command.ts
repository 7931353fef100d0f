import type { Exit, FailureReason } from "orchestrator-core";
import { pause } from "../link.ts";
import type { Ended, Ports, StartCommand } from "../ports.ts";
import { type Ending, endProcesses } from "./ending.ts";
import type { Halt, HaltCause } from "./halt.ts";

/** How a command went. `exit` is how the process ended, `reason` why we ended it or why it counts as failed. */
export interface CommandEnd {
  readonly exit: Exit | null;
  readonly reason: FailureReason | null;
  readonly message: string;
  readonly duration_ms: number;
  readonly ending: Ending;
}

export interface CommandLimits {
  readonly timeout_ms: number | null;
  readonly grace: () => number;
  readonly halt: Halt;
  /** By which processes that left the group are still known as ours. */
  readonly mark: string;
  /** It runs: the place to write down its pid. */
  readonly started: (pid: number) => void;
}

const NOTHING: Ending = { signalled: [], survivors: 0 };
/** How long after the death of its group a process may take to be reaped by us. */
const REAP_MS = 1_000;

/** Starts one command and stays with it until nothing of its process group is left. */
export async function runCommand(
  ports: Pick<Ports, "clock" | "processes">,
  start: StartCommand,
  limits: CommandLimits,
): Promise<CommandEnd> {
  const { clock, processes } = ports;
  const begun = clock.now();
  const { pid, ended } = processes.start(start);
  const since = (): number => Math.round(clock.now() - begun);
  if (pid === null) return { ...notStarted(await ended), duration_ms: since(), ending: NOTHING };

  const watch = watchFor(ports, limits);
  limits.started(pid);
  const stopped = await Promise.race([watch.stopped, ended.then(() => null)]);
  watch.close();
  const duration_ms = since();

  if (stopped === null) {
    const exit = exitOf(await ended);
    // what stayed behind in the background would outlive its record
    const ending = processes.mayExist(pid)
      ? await endProcesses(ports, { pgids: [pid], mark: null }, "left behind by a command that ended", limits.grace)
      : NOTHING;
    return { exit, ...judge(exit), duration_ms, ending };
  }
  const ending = await endProcesses(ports, { pgids: [pid], mark: limits.mark }, stopped.message, limits.grace);
  const exit = exitOf(await Promise.race([ended, pause(clock, REAP_MS).then(() => null)]));
  return { exit, reason: reasonOf(stopped.cause), message: stopped.message, duration_ms: since(), ending };
}

interface Stop {
  readonly cause: HaltCause;
  readonly message: string;
}

/** Whichever comes first: the command's timeout, or what halts the whole exec. */
function watchFor({ clock }: Pick<Ports, "clock">, { timeout_ms, halt }: CommandLimits) {
  let close = (): void => undefined;
  const stopped = new Promise<Stop>((resolve) => {
    const deaf = halt.listen(resolve);
    const clear =
      timeout_ms === null
        ? () => undefined
        : clock.after(timeout_ms, () =>
            resolve({ cause: "timeout", message: `its timeout of ${timeout_ms} ms is over` }),
          );
    close = () => {
      deaf();
      clear();
    };
  });
  return { stopped, close };
}

/** A shutdown and a failed record give the exec up as a whole, so what stands here is never shown. */
function reasonOf(cause: HaltCause): FailureReason {
  switch (cause) {
    case "shutdown":
    case "unrecorded":
      return "lease_lost";
    case "cancelled":
    case "lease_lost":
    case "timeout":
      return cause;
  }
}

function judge(exit: Exit | null): Pick<CommandEnd, "reason" | "message"> {
  if (exit === null) return { reason: "signal", message: "it ended, and nobody can say how" };
  if (exit.signal !== null) return { reason: "signal", message: `ended by ${exit.signal}` };
  return exit.code === 0
    ? { reason: null, message: "" }
    : { reason: "exit_non_zero", message: `exited with ${exit.code}` };
}

const exitOf = (ended: Ended | null): Exit | null => (ended?.started === true ? ended.exit : null);

function notStarted(ended: Ended): Pick<CommandEnd, "exit" | "reason" | "message"> {
  const why = ended.started ? "it has no process id" : `${ended.code}: ${ended.message}`;
  return { exit: null, reason: "spawn_failed", message: `could not be started: ${why}` };
}
