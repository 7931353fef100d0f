import type { ExitName, RunView } from "orchestrator-core";
import { type Context, emitJson, say } from "../context.ts";
import { withDaemon } from "../daemon/attach.ts";
import { findRun } from "../daemon/find-run.ts";
import { stageOf } from "../daemon/find-stage.ts";
import { problemError, usageError } from "../errors.ts";
import { oneLine } from "../render/text.ts";
import { answerLines, type AskingStage, asking, type Decision, decide, questionText } from "../watch/question.ts";

export interface DecideOptions {
  readonly note?: string;
  readonly all?: boolean;
  readonly as?: Decision;
}

const DONE: Readonly<Record<Decision, string>> = {
  approve: "approved",
  reject: "rejected",
  retry: "runs again:",
  mark_succeeded: "marked as succeeded:",
  mark_failed: "marked as failed:",
};

/** Answers what a run asks: one stage's question, or all of them. */
const answer = (
  context: Context,
  verb: "approve" | "reject",
  wanted: string,
  stage_id: string | undefined,
  options: DecideOptions,
): Promise<ExitName> =>
  withDaemon<ExitName>(context, async ({ link, found }) => {
    const view = await link.call("showRun", { params: { run_id: await findRun(link, wanted) } });
    const { run_id } = view.run;
    const stages = chosen(context, verb, view, stage_id, options);
    const decided = [];
    for (const stage of stages) {
      const decision = decisionFor(context, verb, run_id, stage, options.as);
      const [, ...commands] = await questionText(context, link, view, stage);
      const after = await decide(link, run_id, stage, decision, options.note ?? "");
      decided.push(after);
      const { subject, message } = stage.question;
      const said = `${DONE[decision]} ${stage.stage_id} (${subject}): ${oneLine(message)}`;
      if (!context.json) context.io.out(`${[said, ...commands].join("\n")}\n`);
    }
    if (context.json) emitJson(context, { run_id, stages: decided });
    if (found === null) {
      say(context, `it is recorded; the run goes on with: ${context.commandLine("run", "--continue", run_id)}`);
    }
    return "ok";
  });

export const approve = (context: Context, wanted: string, stage_id: string | undefined, options: DecideOptions) =>
  answer(context, "approve", wanted, stage_id, options);
export const reject = (context: Context, wanted: string, stage_id: string | undefined, options: DecideOptions) =>
  answer(context, "reject", wanted, stage_id, options);

/** The questions that are meant. More than one only when the person said so: nothing is approved unseen. */
function chosen(
  context: Context,
  verb: string,
  view: RunView,
  stage_id: string | undefined,
  { all }: DecideOptions,
): readonly AskingStage[] {
  const { run, stages } = view;
  const open = asking(stages);
  if (stage_id !== undefined) {
    const stage = stageOf(context, view, stage_id);
    const asked = open.find((one) => one.stage_id === stage_id);
    if (asked === undefined) {
      throw problemError(
        "not-waiting",
        `stage \`${stage_id}\` does not wait for a person; its status is ${stage.status}`,
      );
    }
    return [asked];
  }
  if (open.length === 0) {
    throw problemError("not-waiting", `no stage of run ${run.run_id} waits for a person; its status is ${run.status}`);
  }
  if (open.length > 1 && all !== true) {
    const lines = open.map((one) => `\n      ${context.commandLine(verb, run.run_id, one.stage_id)}`).join("");
    throw usageError(
      `${open.length} stages wait for a person: ${open.map((one) => one.stage_id).join(", ")}`,
      `name one, or give --all:${lines}`,
    );
  }
  return open;
}

function decisionFor(
  context: Context,
  verb: "approve" | "reject",
  run_id: string,
  stage: AskingStage,
  as: Decision | undefined,
): Decision {
  if (stage.question.subject !== "lost_lease") {
    if (as !== undefined) throw usageError("--as answers a lost lease only", `leave it out for \`${stage.stage_id}\``);
    return verb;
  }
  if (as !== undefined) return as;
  // a yes or a no does not say which of the three is true
  const lines = answerLines(context, run_id, stage).map((line) => `\n      ${line}`);
  throw usageError(
    `\`${stage.stage_id}\` lost its lease, and only you can say what became of it`,
    `say which:${lines.join("")}`,
  );
}
