import type { ExitName } from "orchestrator-core";
import { findDaemon } from "orchestrator-daemon/state";
import { type Context, emitJson } from "../context.ts";
import { problemError } from "../errors.ts";

/** Throws the records away and makes them anew from the journal. Nobody else may own the state directory. */
export async function rebuild(context: Context): Promise<ExitName> {
  const found = findDaemon(context.state);
  if (found !== null) {
    throw problemError(
      "state-in-use",
      `process ${found.pid} owns ${context.state_shown}`,
      `stop it first: ${context.commandLine("stop")}`,
    );
  }
  const { openDaemon } = await import("orchestrator-daemon");
  const began_at = performance.now();
  const daemon = await openDaemon({
    state: context.state,
    workspace_roots: [context.cwd],
    owner: "command",
    rebuild: true,
    log: `${context.state}/daemon.log`,
  });
  await daemon.close();
  const took_ms = Math.round(performance.now() - began_at);
  if (context.json) emitJson(context, { rebuilt: true, took_ms });
  else context.io.out(`made the records of ${context.state_shown} anew from its journal in ${took_ms} ms\n`);
  return "ok";
}
