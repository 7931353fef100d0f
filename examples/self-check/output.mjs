// Values that a stage hands on: `name=value` lines in the file ORCHESTRATOR_OUTPUT; and those that the required
// stages handed on, from the file ORCHESTRATOR_REQUIRES.
import { appendFileSync, readFileSync } from "node:fs";

export function output(values) {
  for (const [name, value] of Object.entries(values)) {
    appendFileSync(process.env.ORCHESTRATOR_OUTPUT, `${name}=${value}\n`);
    console.log(`${name}: ${value}`);
  }
}

/** `{ stage_id: { name: value } }` */
export function inputs() {
  const requires = JSON.parse(readFileSync(process.env.ORCHESTRATOR_REQUIRES, "utf8"));
  return Object.fromEntries(Object.entries(requires).map(([stage_id, { outputs }]) => [stage_id, outputs]));
}
