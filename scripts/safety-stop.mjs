// What is left of the commands of agents that were killed. `node scripts/safety-stop.mjs [KILLS]`
import { spawn } from "node:child_process";
import { join } from "node:path";

const kills = Number(process.argv[2] ?? 500);
if (!Number.isInteger(kills) || kills < 1) {
  console.error(`error: ${process.argv[2]} is no number of kills`);
  process.exit(2);
}
const words = ["vitest", "run", "packages/agent/test/real/survivors.test.ts", "-t", "agents killed"];
const child = spawn("npx", words, {
  cwd: join(import.meta.dirname, ".."),
  env: { ...process.env, KEEPER_KILLS: String(kills), NO_COLOR: "1" },
  stdio: ["ignore", "pipe", "inherit"],
});
let said = "";
child.stdout.setEncoding("utf8").on("data", (text) => (said += text));
child.on("close", (code) => {
  for (const [line] of said.matchAll(/^[0-9]+ agents killed.*$/gm)) console.log(`stop: ${line}`);
  if (code !== 0) console.log(said);
  process.exitCode = code;
});
