import { setTimeout as sleep } from "node:timers/promises";
import type { ExitName } from "orchestrator-core";
import { findDaemon, findSupervisor, isAlive, type ProcessId } from "orchestrator-daemon/state";
import { type Context, emitJson, say } from "../context.ts";
import { attachToRunning } from "../daemon/attach.ts";
import { problemError } from "../errors.ts";

const WAIT_MS = 60_000;

/** Stops the daemon that owns the state directory, and the `up` that keeps it; waits until they are gone. */
export async function stop(context: Context): Promise<ExitName> {
  const elsewhere = context.access.daemon !== null;
  const supervisor = elsewhere ? null : findSupervisor(context.state);
  if (supervisor !== null) return stopUp(context, supervisor);
  const running = await attachToRunning(context);
  const found = running?.found;
  if (!running || !found) throw noDaemon(context);
  await running.link.call("stop", { body: {} });
  await waitForEnd([found]);
  if (context.json) emitJson(context, { stopped: true, pid: found.pid });
  else if (elsewhere) context.io.out(`told the daemon at ${found.url} to stop\n`);
  else context.io.out(`stopped the daemon of ${context.state_shown} (process ${found.pid})\n`);
  return "ok";
}

/** `up` is asked itself, since it ends its agents before their daemon: they can hand back what they hold. */
async function stopUp(context: Context, supervisor: ProcessId): Promise<ExitName> {
  const daemon = findDaemon(context.state);
  if (!context.quiet) say(context, `waiting for \`orchestrator up\` (process ${supervisor.pid}) to end`);
  try {
    process.kill(supervisor.pid, "SIGTERM");
  } catch (error) {
    // it ended by itself
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
  await waitForEnd(daemon === null ? [supervisor] : [supervisor, daemon]);
  if (context.json) emitJson(context, { stopped: true, pid: daemon?.pid ?? null, up_pid: supervisor.pid });
  else context.io.out(`stopped the daemon of ${context.state_shown}, its agents and \`orchestrator up\`\n`);
  return "ok";
}

async function waitForEnd(processes: readonly ProcessId[]): Promise<void> {
  const until = Date.now() + WAIT_MS;
  for (;;) {
    const left = processes.find(isAlive);
    if (left === undefined) return;
    if (Date.now() > until) {
      throw problemError(
        "no-daemon",
        `process ${left.pid} was told to stop and is still there after ${WAIT_MS / 1_000} s`,
        "it ends when the commands that it runs have ended; look again in a while",
      );
    }
    await sleep(50);
  }
}

export const noDaemon = (context: Context) =>
  problemError(
    "no-daemon",
    `no daemon owns ${context.state_shown}`,
    `start one: ${context.commandLine("up")}; or name another state directory with --state`,
  );
