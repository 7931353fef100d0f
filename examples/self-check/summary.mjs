// One page of what the other stages found.
import { writeFileSync } from "node:fs";
import { inputs } from "./output.mjs";

const { inventory, "unit-tests": tests, "check-packs": packs } = inputs();
const page = `# Self-check ${process.env.ORCHESTRATOR_RUN_ID}

- ${inventory.files} source files with ${inventory.lines} lines
- the type check passed
- ${tests.passed} of ${tests.tests} unit tests of the core passed
- ${packs.packs} packages packed, ${packs.bytes} bytes in all, and nothing missing
`;
writeFileSync(".orchestrator-out/summary.md", page);
console.log(page);
