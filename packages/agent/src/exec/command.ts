import type { FailureReason, ManifestCommand } from "orchestrator-core";
import { pause } from "../link.ts";
import type { Ended, Ending, Ports, StartCommand } from "../ports.ts";
import type { Halt, HaltCause } from "./halt.ts";

/** How a command went. `exit` is how the process ended, `reason` why we ended it or why it counts as failed. */
export interface CommandEnd extends Pick<ManifestCommand, "exit" | "usage"> {
  readonly reason: FailureReason | null;
  readonly message: string;
  readonly duration_ms: number;
  readonly ending: Ending;
}

export interface CommandLimits {
  readonly timeout_ms: number | null;
  /** How long it may write nothing. */
  readonly idle_timeout_ms: number | null;
  /** How many bytes it has written until now. */
  readonly written: () => number;
  /** Between its signal and SIGKILL, when it has to end for this reason. Null: it has ended, and left something behind. */
  readonly grace: (cause: HaltCause | null) => number;
  readonly halt: Halt;
  /** Calls `fn` whenever its lease was renewed, until the returned function is called. */
  readonly renewals: (fn: (left_ms: number) => void) => () => void;
  /** It runs: the place to write down its pid. */
  readonly started: (pid: number) => void;
}

/** How long after the death of all its processes a command may take to be reaped. */
const REAP_MS = 1_000;

/** Starts one command and stays with it until nothing of it is left. */
export async function runCommand(
  { clock, processes }: Pick<Ports, "clock" | "processes">,
  start: StartCommand,
  limits: CommandLimits,
): Promise<CommandEnd> {
  const begun = clock.now();
  const since = (): number => Math.round(clock.now() - begun);
  const command = processes.start(start);
  const watch = watchFor(clock, limits);
  const deaf = limits.renewals(command.extend);
  void command.pid.then((pid) => (pid === null ? undefined : limits.started(pid)));
  const first = await Promise.race([watch.stopped, command.ended]);
  watch.close();
  const duration_ms = since();
  if ("cause" in first) {
    const ending = await command.end(first.message, () => limits.grace(first.cause));
    deaf();
    const ended = await Promise.race([command.ended, pause(clock, REAP_MS).then(() => null)]);
    return { ...exitOf(ended), reason: reasonOf(first.cause), message: first.message, duration_ms: since(), ending };
  }
  // what stayed behind in the background would outlive its record
  const ending = await command.end("left behind by a command that ended", () => limits.grace(null));
  deaf();
  return { ...exitOf(first), ...judge(first), duration_ms, ending };
}

interface Stop {
  readonly cause: HaltCause;
  readonly message: string;
}

/** Whichever comes first: one of the command's timeouts, or what halts the whole exec. */
function watchFor(clock: Ports["clock"], { timeout_ms, idle_timeout_ms, written, halt }: CommandLimits) {
  let close = (): void => undefined;
  const stopped = new Promise<Stop>((resolve) => {
    const closers = [halt.listen(resolve)];
    if (timeout_ms !== null) {
      const message = `its timeout of ${timeout_ms} ms is over`;
      closers.push(clock.after(timeout_ms, () => resolve({ cause: "timeout", message })));
    }
    if (idle_timeout_ms !== null) {
      const message = `it wrote nothing for ${idle_timeout_ms} ms, its idle timeout`;
      closers.push(watchIdle(clock, idle_timeout_ms, written, () => resolve({ cause: "idle_timeout", message })));
    }
    close = () => {
      for (const end of closers) end();
    };
  });
  return { stopped, close };
}

/** Looks ten times in an idle timeout, so that one is noticed at most a tenth late and never early. */
const LOOKS = 10;

function watchIdle(clock: Ports["clock"], idle_ms: number, written: () => number, onIdle: () => void): () => void {
  let seen = written();
  let since = clock.now();
  let clear = (): void => undefined;
  const look = (): void => {
    const bytes = written();
    const now = clock.now();
    if (bytes !== seen) since = now;
    seen = bytes;
    if (now - since >= idle_ms) onIdle();
    else clear = clock.after(Math.max(1, idle_ms / LOOKS), look);
  };
  clear = clock.after(Math.max(1, idle_ms / LOOKS), look);
  return () => clear();
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
    case "idle_timeout":
      return cause;
  }
}

function judge(ended: Ended): Pick<CommandEnd, "reason" | "message"> {
  if (!ended.started) {
    const reason = ended.code === "REPLACED" ? "denied" : "spawn_failed";
    return { reason, message: `could not be started: ${ended.code}: ${ended.message}` };
  }
  const { exit, cut } = ended;
  if (cut !== null) return { reason: "lease_lost", message: cut };
  if (exit === null) return { reason: "signal", message: "it ended, and nobody can say how" };
  if (exit.signal !== null) return { reason: "signal", message: `ended by ${exit.signal}` };
  return exit.code === 0
    ? { reason: null, message: "" }
    : { reason: "exit_non_zero", message: `exited with ${exit.code}` };
}

const exitOf = (ended: Ended | null): Pick<CommandEnd, "exit" | "usage"> =>
  ended?.started === true ? { exit: ended.exit, usage: ended.usage } : { exit: null, usage: null };
