import type { Place, Problem, ProblemCode } from "../problem.ts";

/** A problem with its place, and which part of that place it is about: in a text, a key and its value stand apart. */
export interface Found {
  readonly problem: Problem & { readonly place: Place };
  readonly at: "key" | "value";
}

export type Report = (found: Found) => void;

export const found = (
  code: ProblemCode,
  path: string,
  message: string,
  hint?: string,
  at: Found["at"] = "value",
): Found => ({ problem: { code, message, place: { path }, ...(hint === undefined ? {} : { hint }) }, at });

/** A file that is wrong in so many places is wrong in one; and answers must stay small. */
export const PROBLEMS_MAX = 1_000;

export interface Collector {
  readonly report: Report;
  /** What was reported, with a last word where it was too much. */
  list(): readonly Found[];
}

export function makeCollector(): Collector {
  const list: Found[] = [];
  let more = 0;
  return {
    report(one) {
      if (list.length < PROBLEMS_MAX) list.push(one);
      else more++;
    },
    list() {
      if (more === 0) return list;
      const message = `${more} more problems were found; the first ${PROBLEMS_MAX} are listed`;
      return [...list, found("problems-more", "", message, "mend these and validate again")];
    },
  };
}
