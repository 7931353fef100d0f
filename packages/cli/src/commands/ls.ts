import { existsSync } from "node:fs";
import type { ExitName, RunSummary } from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";
import { type Attached, withDaemon } from "../daemon/attach.ts";
import { everyRun } from "../daemon/find-run.ts";
import { localTime, runTime, settledOf } from "../render/run.ts";
import { frozenLine } from "./freeze.ts";
import { paintStatus } from "../render/style.ts";
import { table } from "../render/table.ts";
import { fit, oneLine } from "../render/text.ts";

/** Lists runs, newest first. */
export async function ls(context: Context, { limit, all }: { limit: number; all?: boolean }): Promise<ExitName> {
  const runs: RunSummary[] = [];
  let more = false;
  const there = context.access.daemon !== null || existsSync(context.state);
  const look = async ({ link }: Attached): Promise<string | null> => {
    for await (const run of everyRun(link)) {
      more = !all && runs.length === limit;
      if (more) break;
      runs.push(run);
    }
    return frozenLine(context, link);
  };
  const frozen = there ? await withDaemon(context, look) : null;
  if (context.json) {
    emitJson(context, { runs });
    return "ok";
  }
  if (frozen !== null) context.io.err(`${frozen}\n`);
  if (runs.length === 0) {
    context.io.err(`no runs in ${context.state_shown} yet; start one: ${context.commandLine("run", "FILE")}\n`);
    return "ok";
  }
  const now = Date.now();
  const lines = table(
    [
      { title: "NUMBER", right: true },
      { title: "RUN" },
      { title: "NAME" },
      { title: "STATUS", paint: (text, value) => paintStatus(context.out_style, value, text) },
      { title: "STAGES", right: true },
      { title: "TIME", right: true },
      { title: "CREATED" },
    ],
    runs.map((run) => [
      String(run.run_number),
      run.run_id,
      fit(oneLine(run.name), 32),
      run.status,
      settledOf(run.counts),
      runTime(run, now),
      localTime(run.created_at),
    ]),
  );
  context.io.out(`${lines.join("\n")}\n`);
  if (more) context.io.err(`these are the newest ${limit}; --all shows all\n`);
  return "ok";
}
