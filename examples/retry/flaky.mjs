// Fails on the first try of a run and succeeds on the second: a file tells the two apart.
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const mark = join(tmpdir(), `orchestrator-example-${process.env.ORCHESTRATOR_RUN_ID}`);
if (!existsSync(mark)) {
  writeFileSync(mark, "");
  console.error("the first try fails, as a busy network might");
  process.exit(1);
}
rmSync(mark);
console.log("the second try succeeds");
