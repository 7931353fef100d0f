import type { ExitName } from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";
import { withDaemon } from "../daemon/attach.ts";
import { findRun } from "../daemon/find-run.ts";
import { stageOf } from "../daemon/find-stage.ts";
import { paintStatus } from "../render/style.ts";
import { oneLine } from "../render/text.ts";

/** Says why a stage is in the state that it is in, in the words of the scheduler's own function. */
export const why = (context: Context, wanted: string, stage_id: string): Promise<ExitName> =>
  withDaemon<ExitName>(context, async ({ link }) => {
    const view = await link.call("showRun", { params: { run_id: await findRun(link, wanted) } });
    stageOf(context, view, stage_id);
    const answer = await link.call("why", { params: { run_id: view.run.run_id, stage_id } });
    if (context.json) {
      emitJson(context, answer);
      return "ok";
    }
    const { status, summary, because, hint } = answer;
    const lines = [
      `${stage_id} is ${paintStatus(context.out_style, status)}: ${oneLine(summary)}`,
      ...because.map(
        ({ kind, stage_id: about, text }) => `  ${kind}${about === undefined ? "" : ` ${about}`}: ${oneLine(text)}`,
      ),
      ...(hint === null ? [] : [`  hint: ${context.typed(oneLine(hint))}`]),
    ];
    context.io.out(`${lines.join("\n")}\n`);
    return "ok";
  });
