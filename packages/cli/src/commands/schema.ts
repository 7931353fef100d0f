import { type ExitName, workflowJsonSchema } from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";

/** Prints the JSON Schema of a workflow file, for editors. */
export function schema(context: Context): Promise<ExitName> {
  emitJson(context, workflowJsonSchema());
  return Promise.resolve("ok");
}
