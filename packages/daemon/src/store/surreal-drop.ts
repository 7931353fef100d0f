import { RecordId } from "surrealdb";
import { activeId, runId } from "./surreal-commit.ts";
import { type Statement, chunks } from "./surreal-write.ts";

/**
 * Deletes the records of one run in transactions of bounded size, each without its guard: one for most runs. The marker `dropping`
 * spans them: until the last one the run record stays, and a drop that was cut off is finished at the next start.
 * Otherwise a stage_run could stay that has lost the edges to stages that went before it.
 */
export function dropStatements(run_id: string, stage_ids: readonly string[], at: object): Statement[][] {
  const run = { run: run_id };
  const begin: Statement = {
    text: "UPSERT $active CONTENT $at RETURN NONE; UPSERT $dropping CONTENT $at RETURN NONE",
    parameters: { active: activeId(run_id), dropping: droppingId(run_id), at },
  };
  const some = (stages: readonly string[]): Statement => ({
    text: `FOR $stage IN $stages {
      DELETE requires:[$run, $stage, NONE]..=[$run, $stage, ..] RETURN NONE;
      DELETE job:[$run, $stage, NONE]..=[$run, $stage, ..] RETURN NONE;
      DELETE artifact:[$run, $stage, NONE]..=[$run, $stage, ..] RETURN NONE;
      DELETE type::record('stage_run', [$run, $stage]) RETURN NONE
    }`,
    parameters: { ...run, stages },
  });
  // edges that were written ahead of a stage_run that never came are left over by the ranges above
  const end: Statement = {
    text: `DELETE requires:[$run, NONE]..=[$run, ..] RETURN NONE;
      DELETE $record RETURN NONE;
      DELETE $dropping RETURN NONE`,
    parameters: { ...run, record: runId(run_id), dropping: droppingId(run_id) },
  };
  const middle = chunks(stage_ids, STAGES_PER_TRANSACTION).map(some);
  return middle.length <= 1 ? [[begin, ...middle, end]] : [begin, ...middle, end].map((statement) => [statement]);
}

const STAGES_PER_TRANSACTION = 50;
const droppingId = (run_id: string): RecordId => new RecordId("dropping", run_id);
