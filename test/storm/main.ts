import { parseArgs } from "node:util";
import { problemsOf, runStorm } from "./storm.ts";
import { tableOf } from "./table.ts";

const { values } = parseArgs({
  options: {
    "daemon-kills": { type: "string", default: "20" },
    "agent-kills": { type: "string", default: "20" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
  },
});
const seed = Number(values.seed);
const daemon_kills = Number(values["daemon-kills"]);
const agent_kills = Number(values["agent-kills"]);
if (![seed, daemon_kills, agent_kills].every(Number.isInteger)) {
  process.stderr.write("usage: npm run storm -- [--daemon-kills N] [--agent-kills N] [--seed S]\n");
  process.exit(2);
}
const report = await runStorm({ daemon_kills, agent_kills, seed, clients: 6, keep: true });
const again = `npm run storm -- --daemon-kills ${daemon_kills} --agent-kills ${agent_kills} --seed ${seed}`;
process.stdout.write(`${tableOf(report, again)}\n`);
process.exit(problemsOf(report).length === 0 ? 0 : 1);
