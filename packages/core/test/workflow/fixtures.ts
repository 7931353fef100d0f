import { parseWorkflow, parseWorkflowText } from "../../src/workflow/parse.ts";
import { renderProblem } from "../../src/workflow/render.ts";
import type { WorkflowSpec } from "../../src/workflow/spec.ts";

/** A workflow with one stage `a`, for tests of what stands in it. */
export const withStage = (stage: unknown): object => ({ name: "w", stages: { a: stage } });
export const withCommand = (command: unknown): object => withStage({ exec: [command] });

export function accepted(value: unknown): WorkflowSpec {
  const result = parseWorkflow(value);
  if (!result.ok) throw new Error(result.error.map((problem) => renderProblem(problem, "input")).join("\n"));
  return result.value;
}

export const problemsOf = (value: unknown) => {
  const result = parseWorkflow(value);
  return result.ok ? [] : result.error;
};

/** `code path`, the short form of what was found. */
export const codesOf = (value: unknown): string[] => problemsOf(value).map((p) => `${p.code} ${p.place?.path ?? ""}`);

export function rendered(text: string): string {
  const result = parseWorkflowText(text);
  return result.ok ? "" : result.error.map((problem) => renderProblem(problem, "ci.yaml")).join("\n");
}

/** `code line:column path` of a text's problems. */
export function placesOf(text: string): string[] {
  const result = parseWorkflowText(text);
  if (result.ok) return [];
  return result.error.map(({ code, place }) => `${code} ${place?.line}:${place?.column} ${place?.path}`.trimEnd());
}
