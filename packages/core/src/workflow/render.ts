import type { Problem } from "../problem.ts";
import { visible } from "../quote.ts";

/**
 * A problem for people, without colour:
 *
 *     error[stage-unknown]: stage `deploy` requires `tset`, and no stage has that name
 *       --> ci.yaml:14:17  /stages/deploy/requires/0
 *       hint: did you mean `test`?
 */
export function renderProblem(problem: Problem, file: string): string {
  const { code, message, place, hint } = problem;
  const [first = "", ...rest] = message.trimEnd().split("\n");
  // a database's message has several lines: indented, none of them begins like one of ours
  const lines = [`error[${code}]: ${first}`, ...rest.map((line) => `      ${line}`)];
  if (place) {
    const position = place.line === undefined ? "" : `:${place.line}:${place.column ?? 1}`;
    lines.push(`  --> ${file}${position}${place.path === "" ? "" : `  ${place.path}`}`);
  }
  if (hint !== undefined) lines.push(`  hint: ${hint}`);
  return lines.map(visible).join("\n");
}
