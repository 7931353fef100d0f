import type { RunSummary } from "orchestrator-core";
import { type Context, say } from "../context.ts";
import { runName, settledOf } from "../render/run.ts";
import { oneLine, plural } from "../render/text.ts";
import type { Host } from "./host.ts";

/** Beyond this many, only their number is told. */
const LINES_MAX = 10;

/** Runs other than the one that is watched which a daemon of this command carries on as well. */
async function runsBeside(host: Host, run_id: string): Promise<RunSummary[]> {
  const { runs } = await host.talk((link) => link.call("listRuns", { query: { status: "open", limit: 200 } }));
  return runs.filter((run) => run.run_id !== run_id && run.status === "running");
}

/**
 * A command that opened the daemon owns the whole state directory, so runs that were left open there go on with it.
 * Says which, before any of them is a surprise.
 */
export async function sayWhatGoesOnToo(context: Context, host: Host, run_id: string): Promise<void> {
  if (!host.own) return;
  const runs = await runsBeside(host, run_id);
  if (runs.length === 0) return;
  const [were, them] = runs.length === 1 ? ["was", "it"] : ["were", "them"];
  say(
    context,
    `${plural(runs.length, "other run")} ${were} left open in ${context.state_shown}: this command carries ${them} on too, until it ends`,
  );
  sayLines(context, runs, (run) => `  run ${aboutRun(run)}`);
}

/** Says which of them stay open when this command ends, and how each goes on. */
export async function sayWhatStaysOpen(context: Context, host: Host, run_id: string): Promise<void> {
  if (!host.own) return;
  const runs = await runsBeside(host, run_id);
  if (runs.length === 0) return;
  say(context, `still open, and at rest unless another command watches ${runs.length === 1 ? "it" : "them"}:`);
  sayLines(
    context,
    runs,
    (run) => `  run ${aboutRun(run)}\n    go on: ${context.commandLine("run", "--continue", run.run_id)}`,
  );
}

const aboutRun = (run: RunSummary): string =>
  `${runName(run)} ${oneLine(run.name)}, ${settledOf(run.counts)} stages settled`;

function sayLines(context: Context, runs: readonly RunSummary[], line: (run: RunSummary) => string): void {
  for (const run of runs.slice(0, LINES_MAX)) say(context, line(run));
  const more = runs.length - LINES_MAX;
  if (more > 0) say(context, `  … and ${more} more: ${context.commandLine("ls")}`);
}
