// Adds up what the required stages handed on.
import { appendFileSync, readFileSync } from "node:fs";

const requires = JSON.parse(readFileSync(process.env.ORCHESTRATOR_REQUIRES, "utf8"));
let sum = 0;
for (const [stage_id, { outputs }] of Object.entries(requires)) {
  console.log(`${stage_id}: ${outputs.prime}`);
  sum += Number(outputs.prime);
}
console.log(`sum: ${sum}`);
appendFileSync(process.env.ORCHESTRATOR_OUTPUT, `sum=${sum}\n`);
