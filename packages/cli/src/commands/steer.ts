import type { ExitName } from "orchestrator-core";
import { type Context, emitJson, say } from "../context.ts";
import { withDaemon } from "../daemon/attach.ts";
import { findRun } from "../daemon/find-run.ts";
import { runName } from "../render/run.ts";

/** Cancels a run: nothing more is started, what runs is ended. */
export const cancel = (context: Context, wanted: string, { note }: { note?: string }): Promise<ExitName> =>
  withDaemon<ExitName>(context, async ({ link, found }) => {
    const run_id = await findRun(link, wanted);
    const run = await link.call("cancelRun", { params: { run_id }, body: note === undefined ? {} : { note } });
    if (context.json) emitJson(context, run);
    else context.io.out(`run ${runName(run)} ${run.status === "cancelled" ? "is cancelled" : "is being cancelled"}\n`);
    const running = run.counts.running ?? 0;
    if (running > 0 && found === null) {
      say(context, `${running} of its stages were running when their daemon went; their leases have to pass first:`);
      say(context, `    ${context.commandLine("run", "--continue", run_id)}`);
    }
    return "ok";
  });

/** Reopens a failed or cancelled run: what did not succeed runs again. */
export const retry = (context: Context, wanted: string): Promise<ExitName> =>
  withDaemon<ExitName>(context, async ({ link, found }) => {
    const run_id = await findRun(link, wanted);
    const run = await link.call("retryRun", { params: { run_id }, body: {} });
    if (context.json) emitJson(context, run);
    else context.io.out(`run ${runName(run)} is open again\n`);
    const next = context.commandLine("run", "--continue", run_id);
    say(context, found === null ? `it goes on with: ${next}` : `watch it: ${next}`);
    return "ok";
  });
