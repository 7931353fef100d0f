import { expect, test } from "vitest";
import { measureOrphans } from "./orphans.ts";
import { problemsOf, runStorm } from "./storm.ts";
import { tableOf } from "./table.ts";

test("6 kills of the daemon and 6 of agents: nothing lost, nothing double, nothing stuck", {
  timeout: 180_000,
}, async () => {
  const seed = Math.floor(Math.random() * 1_000_000);
  const report = await runStorm({ daemon_kills: 6, agent_kills: 6, seed, clients: 5, keep: false });
  console.info(tableOf(report, `npm run storm -- --daemon-kills 6 --agent-kills 6 --seed ${seed}`));
  expect(problemsOf(report)).toEqual([]);
});

test("without a keeper, commands of a killed agent live until the next agent starts, which ends them", {
  timeout: 120_000,
}, async () => {
  const { commands, outlived, adopted_ms } = await measureOrphans();
  // how many outlive lease and grace is measured here; that none does is for the keeper to promise
  console.info(
    `${outlived} of ${commands} commands outlived lease and grace; the next agent ended them in ${adopted_ms} ms`,
  );
});
