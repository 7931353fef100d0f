import type { Json } from "../canonical.ts";
import type { Problem } from "../problem.ts";
import { assert, err, ok, type Result } from "../result.ts";
import { type Locate, readDocument } from "./document.ts";
import { type Found, found, makeCollector, type Report } from "./found.ts";

export type Problems = readonly [Problem, ...Problem[]];

export interface TextRead {
  /** What stands in the file, as plain JSON. */
  readonly document: Json;
  /** For what is found later, by policy for example. */
  readonly locate: Locate;
}

/** Reads YAML 1.2 or JSON and has it inspected. Every problem has its line and column, and they stand in order. */
export function readText(
  text: string,
  chars_max: number,
  inspect: (value: unknown, report: Report) => void,
): Result<TextRead, Problems> {
  const collector = makeCollector();
  if (text.length > chars_max) {
    const message = `the file has ${text.length} characters; at most ${chars_max} are taken`;
    return err([{ ...found("too-large", "", message).problem, place: { path: "", line: 1, column: 1 } }]);
  }
  const document = readDocument(text, collector.report);
  if (document) {
    const { refused } = document;
    inspect(document.value, (one) => refused.has(one.problem.place.path) || collector.report(one));
  }
  const problems = collector.list().map((one) => located(one, document?.locate));
  problems.sort(byPlace);
  if (isSome(problems)) return err(problems);
  assert(document, "a text without a problem is a document");
  return ok({ document: document.value, locate: document.locate });
}

export const isSome = (problems: readonly Problem[]): problems is Problems => problems.length > 0;

/** In the order of the text; the word that there are more comes last. */
const byPlace = (a: Problem, b: Problem): number =>
  Number(a.code === "problems-more") - Number(b.code === "problems-more") ||
  (a.place?.line ?? 0) - (b.place?.line ?? 0) ||
  (a.place?.column ?? 0) - (b.place?.column ?? 0);

function located({ problem, at }: Found, locate: Locate | undefined): Problem {
  if (problem.place.line !== undefined || !locate) return problem;
  return { ...problem, place: locate(problem.place.path, at) };
}
