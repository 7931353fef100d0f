import { setTimeout as sleep } from "node:timers/promises";
import type { ExitName } from "orchestrator-core";
import { processStart } from "orchestrator-daemon/state";
import { type Context, emitJson } from "../context.ts";
import { attachToRunning } from "../daemon/attach.ts";
import { problemError } from "../errors.ts";

const WAIT_MS = 60_000;

/** Stops the daemon that owns the state directory, and waits until it is gone. */
export async function stop(context: Context): Promise<ExitName> {
  const running = await attachToRunning(context);
  const found = running?.found;
  if (!running || !found) throw noDaemon(context);
  await running.link.call("stop", { body: {} });
  const until = Date.now() + WAIT_MS;
  while (processStart(found.pid) === found.pid_start) {
    if (Date.now() > until) {
      throw problemError(
        "no-daemon",
        `process ${found.pid} was told to stop and is still there after ${WAIT_MS / 1_000} s`,
      );
    }
    await sleep(50);
  }
  if (context.json) emitJson(context, { stopped: true, pid: found.pid });
  else if (context.access.daemon !== null) context.io.out(`told the daemon at ${found.url} to stop\n`);
  else context.io.out(`stopped the daemon of ${context.state_shown} (process ${found.pid})\n`);
  return "ok";
}

export const noDaemon = (context: Context) =>
  problemError(
    "no-daemon",
    `no daemon owns ${context.state_shown}`,
    `start one: ${context.commandLine("up")}; or name another state directory with --state`,
  );
