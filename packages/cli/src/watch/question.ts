import {
  builtInPolicy,
  type ExecBlock,
  execPlace,
  judgeExec,
  type Policy,
  type Role,
  type RunView,
  type StageView,
  type WorkflowSpec,
} from "orchestrator-core";
import type { Context } from "../context.ts";
import type { Link } from "../daemon/link.ts";
import { oneLine, shellWord } from "../render/text.ts";
import { policyHere } from "../workflow-file.ts";

/** What can be answered to a question. */
export type Decision = "approve" | "reject" | "retry" | "mark_succeeded" | "mark_failed";
export type Subject = "gate" | "exec" | "lost_lease";

/** A stage that waits for a person. */
export type AskingStage = StageView & { readonly question: NonNullable<StageView["question"]> };

export const asking = (stages: readonly StageView[]): AskingStage[] =>
  stages.filter((stage): stage is AskingStage => stage.question !== null);

/** What the person is asked about, in full: the message of a gate, the commands that policy asks about. */
export async function questionText(
  context: Context,
  link: Link,
  { run }: RunView,
  stage: AskingStage,
): Promise<string[]> {
  const { subject, message } = stage.question;
  const lines = [`${stage.stage_id} waits for a person (${subject}): ${oneLine(message)}`];
  if (subject !== "gate") {
    const params = { digest: run.workflow_digest };
    const workflow = (await link.call("showWorkflow", { params })) as WorkflowSpec;
    const spec = workflow.stages[stage.stage_id];
    if (spec?.kind === "exec")
      lines.push(...commandLines(spec.exec, run.by.role as Role, stage.stage_id, policyOf(context, run)));
  }
  return lines;
}

/** Policy files that cannot be read are the daemon's to speak of. */
function policyOf(context: Context, { workspace }: RunView["run"]): Policy {
  try {
    return policyHere(context, workspace);
  } catch {
    return builtInPolicy;
  }
}

/** All that will run, and what policy says of it. What was written by somebody else is shown so that it shows itself. */
function commandLines(exec: ExecBlock, role: Role, stage_id: string, policy: Policy): string[] {
  const verdicts = judgeExec(exec, role, execPlace(stage_id), { policy, now: Date.now() });
  const lines = exec.commands.flatMap(({ argv, cwd, env, secrets }, i) => [
    `  ${argv.map(shellWord).map(oneLine).join(" ")}${cwd === "." ? "" : `  (in ${oneLine(cwd)})`}`,
    ...Object.entries(env).map(([name, value]) => `      ${name}=${oneLine(shellWord(value))}`),
    ...Object.entries(secrets).map(([name, secret]) => `      ${name}=<secret ${secret}>`),
    ...(verdicts[i]?.findings ?? []).map((f) => `      ${f.verdict}[${f.rule}]: ${oneLine(f.problem.message)}`),
  ]);
  const walls = [...(exec.sandbox === "none" ? [] : [`sandbox ${exec.sandbox}`]), ...(exec.network ? ["network"] : [])];
  return walls.length === 0 ? lines : [...lines, `  with ${walls.join(", ")}`];
}

/** The command lines that answer a question. */
export function answerLines(context: Context, run_id: string, { stage_id, question }: AskingStage): string[] {
  const line = (...words: string[]): string => context.commandLine(...words);
  if (question.subject !== "lost_lease") {
    return [line("approve", run_id, stage_id), line("reject", run_id, stage_id)];
  }
  return ["retry", "mark_succeeded", "mark_failed"].map((as) => line("approve", run_id, stage_id, "--as", as));
}

const ANSWERS: Readonly<
  Record<Subject, { readonly prompt: string; readonly keys: Readonly<Record<string, Decision>> }>
> = {
  gate: { prompt: "approve? y = yes, n = no, else later: ", keys: { y: "approve", n: "reject" } },
  exec: { prompt: "run it? y = yes, n = no, else later: ", keys: { y: "approve", n: "reject" } },
  lost_lease: {
    prompt: "r = run it again, s = it succeeded, f = it failed, else later: ",
    keys: { r: "retry", s: "mark_succeeded", f: "mark_failed" },
  },
};

/** Asks on the terminal. Null: not now, or the question was taken back. */
export async function askPerson(
  context: Context,
  stage: AskingStage,
  lines: readonly string[],
  signal: AbortSignal,
): Promise<Decision | null> {
  const { prompt, keys } = ANSWERS[stage.question.subject as Subject];
  context.io.err(`${lines.join("\n")}\n`);
  const answer = await context.io.ask(prompt, signal);
  return keys[answer?.trim().toLowerCase().slice(0, 1) ?? ""] ?? null;
}

/** Sends the answer, bound to the digest of what was asked. */
export const decide = (
  link: Link,
  run_id: string,
  { stage_id, question }: AskingStage,
  decision: Decision,
  note: string,
): Promise<StageView> =>
  link.call("decide", {
    params: { run_id, stage_id },
    body: { decision, subject: question.subject as Subject, digest: question.digest, note },
  });
