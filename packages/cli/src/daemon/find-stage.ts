import { type RunView, type StageView, suggest } from "orchestrator-core";
import type { Context } from "../context.ts";
import { problemError } from "../errors.ts";

/** The stage that a person names; throws with the one that they may have meant. */
export function stageOf(context: Context, { run, stages }: RunView, wanted: string): StageView {
  const stage = stages.find(({ stage_id }) => stage_id === wanted);
  if (stage !== undefined) return stage;
  const near = suggest(
    wanted,
    stages.map(({ stage_id }) => stage_id),
  );
  throw problemError(
    "stage-not-found",
    `run ${run.run_id} has no stage \`${wanted}\``,
    `${near === null ? "" : `did you mean \`${near}\`? `}see its stages: ${context.commandLine("show", run.run_id)}`,
  );
}
