// Fails on the first try of a run and succeeds on the second: a file tells the two apart.
// It lies in the workspace: in a sandbox each command has a /tmp of its own.
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const place = join(process.env.ORCHESTRATOR_WORKSPACE, ".orchestrator-out");
mkdirSync(place, { recursive: true });
const mark = join(place, `first-try-${process.env.ORCHESTRATOR_RUN_ID}`);
if (!existsSync(mark)) {
  writeFileSync(mark, "");
  console.error("the first try fails, as a busy network might");
  process.exit(1);
}
rmSync(mark);
console.log("the second try succeeds");
