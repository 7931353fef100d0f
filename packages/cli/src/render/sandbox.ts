import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Manifest, MANIFEST_NAME, type RunView } from "orchestrator-core";
import type { Context } from "../context.ts";
import { plural } from "./text.ts";

/** What held the commands of a run, by the last exec of each stage, and how to get more. Null: nothing has run. */
export function sandboxText(context: Context, { stages }: RunView): string | null {
  const execs = stages.flatMap(({ execs }) => execs.findLast(({ sandbox }) => sandbox !== null) ?? []);
  if (execs.length === 0) return null;
  const bare = execs.filter(({ sandbox }) => sandbox === "none");
  if (bare.length === 0) return "contained: commands could write to their workspace and to nothing else";
  const why = whyNotMore(context, bare[0]!.bundle);
  const some = bare.length === execs.length ? "" : ` for ${plural(bare.length, "stage")} of ${execs.length}`;
  const rights = `commands ran as your user, with all its rights, and could read the tokens in ${context.state_shown}`;
  return `none${some}: ${rights}${why === "" ? "" : ` (${why})`}`;
}

/** As a manifest says it, where it lies on this machine. */
function whyNotMore(context: Context, bundle: string): string {
  try {
    const text = readFileSync(join(context.state, bundle, MANIFEST_NAME), "utf8");
    return (JSON.parse(text) as Manifest).sandbox.why;
  } catch {
    return "";
  }
}
