// The containment suite: what contained commands, as a user who is not root, tried and did not get.
// `node scripts/safety-containment.mjs`
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const top = mkdtempSync(join(tmpdir(), "safety-containment-"));
const out = join(top, "report.json");
try {
  const words = ["vitest", "run", "packages/agent/test/sandbox", "--reporter=json", `--outputFile=${out}`];
  const { stderr } = spawnSync("npx", words, { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });
  const { testResults, numPassedTests, numFailedTests } = JSON.parse(readFileSync(out, "utf8"));
  const [skipped = null] = /containment is not tested.*/.exec(stderr) ?? [];
  for (const { fullName, status, failureMessages } of testResults.flatMap((file) => file.assertionResults)) {
    if (status === "failed") console.log(`containment: FAILED: ${fullName}\n${failureMessages.join("\n")}`);
  }
  const held = skipped ?? `${numPassedTests} tests hold, ${numFailedTests} fail`;
  console.log(`containment: ${held} (bubblewrap, commands not as root)`);
  process.exitCode = numFailedTests > 0 || skipped !== null ? 1 : 0;
} finally {
  rmSync(top, { recursive: true, force: true });
}
