import type { ExitName } from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";
import { plural } from "../render/text.ts";
import { readWorkflow } from "../workflow-file.ts";

/** Says everything that is wrong with a workflow file. Runs nothing. */
export function validate(context: Context, file: string): Promise<ExitName> {
  const { workflow } = readWorkflow(context, file);
  const stages = Object.keys(workflow.stages).length;
  if (context.json) emitJson(context, { valid: true, name: workflow.name, stages });
  else context.io.out(`${file} is valid: ${workflow.name}, ${plural(stages, "stage")}\n`);
  return Promise.resolve("ok");
}
