import { existsSync } from "node:fs";
import type { ExitName, RunSummary } from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";
import { type Attached, withDaemon } from "../daemon/attach.ts";
import { everyRun } from "../daemon/find-run.ts";
import { runTime } from "../render/run.ts";
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
      { title: "RUN" },
      { title: "NAME" },
      { title: "STATUS", paint: (text, value) => paintStatus(context.out_style, value, text) },
      { title: "STAGES", right: true },
      { title: "TIME", right: true },
      { title: "CREATED" },
    ],
    runs.map((run) => [
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

/** `3/12`: settled stages of all stages. */
export function settledOf(counts: RunSummary["counts"]): string {
  const sum = (statuses: readonly string[]): number =>
    statuses.reduce((total, status) => total + (counts[status] ?? 0), 0);
  return `${sum(["succeeded", "failed", "skipped", "cancelled"])}/${sum(Object.keys(counts))}`;
}

/** In the person's own time zone, to the second. */
export function localTime(rfc3339: string): string {
  const at = new Date(rfc3339);
  const two = (n: number): string => String(n).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}
