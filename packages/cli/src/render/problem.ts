import { type Problem, renderProblem } from "orchestrator-core";
import type { Context } from "../context.ts";
import { type Failure, failureOf } from "../errors.ts";
import type { Style } from "./style.ts";

/** Problems as text, a blank line between two; `file` is the one that their places are of. */
export function problemsText(problems: Failure["problems"], file: string | null, style: Style): string {
  return problems
    .map((problem) => {
      const text = problem.code === null ? mistakeText(problem) : renderProblem(problem as Problem, file ?? "");
      return text.trimEnd().replace(/^error(\[[a-z-]+\])?:/, (head) => style.red(style.bold(head)));
    })
    .join("\n\n");
}

/** A mistake of the command line has no code. */
const mistakeText = ({ message, hint }: Omit<Problem, "code">): string =>
  `error: ${message}${hint === undefined ? "" : `\n  hint: ${hint}`}`;

/** Shows why a command failed, once, and says with which exit code it ends. */
export function showFailure(context: Context, error: unknown, file: string | null = null): number {
  const { exit, problems, trace } = failureOf(error);
  if (context.json) context.io.out(`${JSON.stringify({ exit, problems })}\n`);
  context.io.err(`${problemsText(problems, file, context.err_style)}\n`);
  if (trace !== undefined) context.io.err(`${trace}\n`);
  return exit;
}
