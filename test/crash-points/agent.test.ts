import { afterAll, expect, test } from "vitest";
import { agentScenarios, type AgentScenario } from "./agent-scenarios.ts";
import { AgentWorld } from "./agent-world.ts";
import type { Cut, FilePoint } from "./crash-files.ts";

/** Every call of the agent that changes a file: it dies before it, half-way through what it writes, and after it. */
const figures: string[] = [];

for (const scenario of agentScenarios) {
  for (const heir of ["first", "third"]) {
    test(`an agent that dies at any call of "${scenario.name}" leaves nothing that agent "${heir}" cannot put in order`, async () => {
      const { calls } = await play(scenario, null, heir);
      let points = 0;
      for (const point of pointsOf(calls)) {
        const name = `${scenario.name}, died ${point.cut} call ${point.op} (${calls[point.op - 1]!.name})`;
        const told = await play(scenario, point, heir).catch((error: unknown) => {
          throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
        });
        expect(told.breaches, name).toEqual([]);
        if (told.died) points++;
      }
      figures.push(
        `${String(points).padStart(5)} points, ${String(calls.length).padStart(3)} calls: ${scenario.name}, heir ${heir}`,
      );
    });
  }
}

afterAll(() => {
  const total = figures.reduce((sum, line) => sum + Number.parseInt(line, 10), 0);
  console.info(`${figures.join("\n")}\n${String(total).padStart(5)} points in all`);
});

type Calls = readonly { readonly name: string; readonly text: boolean }[];

function* pointsOf(calls: Calls): Generator<FilePoint> {
  for (const [i, { text }] of calls.entries()) {
    const cuts: readonly Cut[] = text ? ["before", "half", "after"] : ["before", "after"];
    for (const cut of cuts) yield { op: i + 1, cut };
  }
}

async function play(
  scenario: AgentScenario,
  point: FilePoint | null,
  heir: string,
): Promise<{ calls: Calls; died: boolean; breaches: string[] }> {
  const world = new AgentWorld();
  await scenario.before?.(world);
  const life = world.start(scenario.agent_id, point);
  await Promise.race([scenario.play(world, life), life.died]);
  const died = life.dead();
  life.die();
  const claims = world.claims.length;
  const next = world.start(heir, null);
  // it claims when it has put everything in order
  await world.until("the heir is done", () => world.settled() && world.claims.length > claims);
  const breaches = await world.breaches();
  next.die();
  return { calls: life.calls, died, breaches };
}
