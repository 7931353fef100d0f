import { type ExecView, type ExitName, logName, type RunView, type StageView } from "orchestrator-core";
import { type Context, say } from "../context.ts";
import { readTail } from "../daemon/file.ts";
import { bundleLines, runName, runTime, stageTable } from "../render/run.ts";
import { sandboxText } from "../render/sandbox.ts";
import { paintStatus } from "../render/style.ts";
import { oneLine, plural, safe } from "../render/text.ts";
import type { Host } from "./host.ts";
import { answerLines, asking, questionText } from "./question.ts";

const TAIL_LINES = 15;
const FAILURES_SHOWN = 3;

/** The exit code that a run's status stands for. */
export function exitOfRun(status: string): ExitName {
  switch (status) {
    case "succeeded":
      return "ok";
    case "needs_human":
      return "needs_human";
    case "quarantined":
      return "store_unusable";
    default:
      return "run_failed";
  }
}

/** Says how a run ended: the table, what failed, the places of the bundles, what to type next. */
export async function showEnd(context: Context, host: Host, view: RunView): Promise<void> {
  const { io, out_style } = context;
  const { run, stages } = view;
  const now = Date.now();
  const lines = [...stageTable(stages, out_style, now), ""];

  const failed = stages.filter(({ status }) => status === "failed");
  for (const stage of failed.slice(0, FAILURES_SHOWN)) lines.push(...(await failureLines(context, host, view, stage)));
  if (failed.length > FAILURES_SHOWN)
    lines.push(`… and ${plural(failed.length - FAILURES_SHOWN, "failed stage")} more`, "");

  lines.push(`run ${runName(run)} ${paintStatus(out_style, run.status)} after ${runTime(run, now)}`);
  const sandbox = sandboxText(context, view);
  if (sandbox !== null) lines.push(`sandbox ${oneLine(sandbox)}`);
  const bundles = bundleLines(stages);
  if (bundles.length > 0) {
    lines.push(`bundles in ${context.state_shown}/runs/${run.run_id}/`, ...bundles.map((line) => `  ${line}`));
    lines.push(`verify them: ${context.commandLine("verify", run.run_id)}`);
  }
  if (run.status === "failed" || run.status === "cancelled") {
    lines.push(`run what did not succeed again: ${context.commandLine("retry", run.run_id)}`);
  }
  io.out(`${lines.join("\n")}\n`);
  if (run.status === "needs_human") await sayWhatToAnswer(context, host, view);
}

/** The last lines of the command that failed. */
async function failureLines(context: Context, host: Host, { run }: RunView, stage: StageView): Promise<string[]> {
  const exec = stage.execs.at(-1);
  if (exec === undefined || exec.manifest_sha256 === null) return [];
  const command = failedCommand(exec);
  const at = { run_id: run.run_id, stage_id: stage.stage_id, exec_id: exec.exec_id };
  const { red, dim } = context.out_style;
  for (const stream of ["stderr", "stdout"] as const) {
    const name = logName(command, stream);
    const tail = await host.talk((link) => readTail(link, { ...at, name }, TAIL_LINES));
    if (tail.length === 0) continue;
    return [
      `${red(stage.stage_id)}: the end of ${name}`,
      ...tail.map((line) => `  ${dim("|")} ${context.io.out_tty ? safe(line) : line}`),
      `  more: ${context.commandLine("logs", run.run_id, stage.stage_id)}`,
      "",
    ];
  }
  // in full: the table has cut it
  const why = oneLine(stage.message) || "its commands wrote nothing";
  return [`${red(stage.stage_id)}: ${why}`, ""];
}

/** The command that decided: the last one that was started, since the first failure that counts ends the list. */
export function failedCommand({ exits }: Pick<ExecView, "exits">): number {
  return Math.max(
    0,
    exits.findLastIndex((exit) => exit !== null),
  );
}

async function sayWhatToAnswer(context: Context, host: Host, view: RunView): Promise<void> {
  for (const stage of asking(view.stages)) {
    const text = await host.talk((link) => questionText(context, link, view, stage));
    say(
      context,
      ["", ...text, ...answerLines(context, view.run.run_id, stage).map((line) => `    ${line}`)].join("\n"),
    );
  }
  const next = host.own
    ? `then go on: ${context.commandLine("run", "--continue", view.run.run_id)}`
    : "the daemon then goes on by itself";
  say(context, `\n${next}`);
}
