import { type Problem, renderProblem } from "orchestrator-core";
import type { Context } from "../context.ts";
import { type Failure, failureOf } from "../errors.ts";
import type { Style } from "./style.ts";
import { plural } from "./text.ts";

/** Problems as text, a blank line between two; `file` is the one that their places are of. */
export function problemsText(problems: Failure["problems"], file: string | null, style: Style): string {
  const shown = withoutEchoes(problems);
  const texts = shown.map((problem) => {
    const text = problem.code === null ? mistakeText(problem) : renderProblem(problem as Problem, file ?? "");
    return text.trimEnd().replace(/^error(\[[a-z-]+\])?:/, (head) => style.red(style.bold(head)));
  });
  const left_out = problems.length - shown.length;
  if (left_out > 0)
    texts.push(`… and ${plural(left_out, "place")} more that cannot be read, which may follow from these`);
  return texts.join("\n\n");
}

const SYNTAX_SHOWN_MAX = 3;

/** Where YAML cannot be read, one slip of the hand makes errors to the end of the file: the first ones are the ones to mend. */
const withoutEchoes = (problems: Failure["problems"]): Failure["problems"] =>
  problems.filter(
    ({ code }, i) =>
      code !== "yaml-syntax" || problems.slice(0, i).filter((p) => p.code === code).length < SYNTAX_SHOWN_MAX,
  );

/** A mistake of the command line has no code. */
const mistakeText = ({ message, hint }: Omit<Problem, "code">): string =>
  `error: ${message}${hint === undefined ? "" : `\n  hint: ${hint}`}`;

/** Shows why a command failed, once, and says with which exit code it ends. */
export function showFailure(context: Context, error: unknown, file: string | null = null): number {
  const { exit, problems, trace } = failureOf(error);
  if (context.json) context.io.out(`${JSON.stringify({ exit, problems })}\n`);
  const typed = problems.map((problem) =>
    problem.hint === undefined ? problem : { ...problem, hint: context.typed(problem.hint) },
  );
  context.io.err(`${problemsText(typed, file, context.err_style)}\n`);
  if (trace !== undefined) context.io.err(`${trace}\n`);
  return exit;
}
