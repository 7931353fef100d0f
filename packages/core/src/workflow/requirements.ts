import { findCycles } from "../graph.ts";
import { pointerTo } from "../pointer.ts";
import { quote } from "../quote.ts";
import { suggest } from "../suggest.ts";
import { type Report, found } from "./found.ts";
import { isMapping } from "./node.ts";

/**
 * Unknown requirements and circles: what no stage can know of itself. Takes `stages` as it stands in the file and
 * passes over whatever has the wrong form: that was reported already.
 */
export function checkRequirements(stages: unknown, report: Report): void {
  if (!isMapping(stages)) return;
  const graph = new Map<string, readonly string[]>();
  for (const [id, stage] of Object.entries(stages)) graph.set(id, requirementsOf(stage));
  const pathTo = (id: string, required: string): string => {
    const written = (stages[id] as { requires: readonly unknown[] }).requires;
    return `${pointerTo("/stages", id)}/requires/${written.indexOf(required)}`;
  };
  const near = makeNear([...graph.keys()]);
  for (const [id, requires] of graph) {
    for (const required of requires) {
      if (graph.has(required)) continue;
      const suggestion = near(required);
      const hint =
        suggestion === null ? "add the stage, or take it out of `requires`" : `did you mean \`${suggestion}\`?`;
      const message = `stage ${quote(id)} requires ${quote(required)}, and no stage has that name`;
      report(found("stage-unknown", pathTo(id, required), message, hint));
    }
  }
  for (const cycle of findCycles(graph)) {
    const last = cycle.at(-1)!;
    const path = pathTo(last, cycle[0]!);
    if (cycle.length === 1) report(found("cycle", path, `stage ${quote(last)} requires itself`, "take it out"));
    else {
      const message = `stages require each other in a circle: ${circle(cycle)}`;
      report(found("cycle", path, message, "take one of these requirements out, so that one of the stages can start"));
    }
  }
}

/** Each once, and only those that are text: the rest was reported where the form was checked. */
function requirementsOf(stage: unknown): readonly string[] {
  const requires = isMapping(stage) ? stage["requires"] : undefined;
  if (!Array.isArray(requires) || requires.length === 0) return [];
  return [...new Set(requires)].filter((required) => typeof required === "string");
}

const SHOWN_MAX = 12;

/** `a -> b -> a`, its middle left out where it is long. */
function circle(names: readonly string[]): string {
  const shown =
    names.length <= SHOWN_MAX
      ? names
      : [...names.slice(0, SHOWN_MAX - 2), `… (${names.length - SHOWN_MAX + 1} more) …`, names.at(-1)!];
  return [...shown, names[0]!].join(" -> ");
}

/** A suggestion costs a look at every name, so a large file with many wrong names gets only some. */
const COMPARISONS_MAX = 200_000;

function makeNear(names: readonly string[]): (word: string) => string | null {
  let left = COMPARISONS_MAX;
  return (word) => {
    left -= names.length;
    return left < 0 ? null : suggest(word, names);
  };
}
