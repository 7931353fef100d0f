import type { ExitName, RunView } from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";
import { withDaemon } from "../daemon/attach.ts";
import { findRun } from "../daemon/find-run.ts";
import { bundleLines, decisionLines, localTime, outputLines, runName, runTime, stageTable } from "../render/run.ts";
import { sandboxText } from "../render/sandbox.ts";
import { paintStatus } from "../render/style.ts";
import { oneLine, padEnd } from "../render/text.ts";
import { answerLines, asking, questionText } from "../watch/question.ts";
import { frozenLine } from "./freeze.ts";

/** Shows one run: what it is, its stages, what it waits for, what people decided, what it handed on, where its bundles lie. */
export const show = (context: Context, wanted: string): Promise<ExitName> =>
  withDaemon<ExitName>(context, async ({ link }) => {
    const view = await link.call("showRun", { params: { run_id: await findRun(link, wanted) } });
    if (context.json) {
      emitJson(context, view);
      return "ok";
    }
    const now = Date.now();
    const frozen = await frozenLine(context, link);
    if (frozen !== null) context.io.err(`${frozen}\n`);
    const sandbox = oneLine(sandboxText(context, view) ?? "");
    const lines = [...headLines(context, view, sandbox, now), "", ...stageTable(view.stages, context.out_style, now)];
    for (const stage of asking(view.stages)) {
      lines.push("", ...(await questionText(context, link, view, stage)));
      lines.push(...answerLines(context, view.run.run_id, stage).map((line) => `    ${line}`));
    }
    const parts = [
      { title: "decisions", rows: decisionLines(view.stages) },
      { title: "outputs", rows: outputLines(view.stages) },
      { title: `bundles in ${context.state_shown}/runs/${view.run.run_id}/`, rows: bundleLines(view.stages) },
    ];
    for (const { title, rows } of parts) {
      if (rows.length > 0) lines.push("", title, ...rows.map((row) => `  ${row}`));
    }
    context.io.out(`${lines.join("\n")}\n`);
    return "ok";
  });

function headLines({ out_style }: Context, { run, intent }: RunView, sandbox: string, now: number): string[] {
  const { goal, constraints = [] } = (intent ?? {}) as { goal?: string; constraints?: readonly string[] };
  const fields: [string, string][] = [
    ["run", runName(run)],
    ["workflow", `${oneLine(run.name)} (digest ${run.workflow_digest})`],
    ...(goal === undefined ? [] : [["goal", oneLine(goal)] as [string, string]]),
    ...constraints.map((text): [string, string] => ["constraint", oneLine(text)]),
    ["status", paintStatus(out_style, run.status) + (run.stopping === null ? "" : ` (stopping: ${run.stopping})`)],
    ["time", `${runTime(run, now)}, since ${localTime(run.created_at)}`],
    ["by", `${oneLine(run.by.name)} (${run.by.role})`],
    ["plan", run.plan_digest],
    ["workspace", oneLine(run.workspace)],
    ...(sandbox === "" ? [] : [["sandbox", sandbox] as [string, string]]),
  ];
  return fields.map(([name, value]) => `${padEnd(name, 10)}  ${value}`);
}
