import { afterAll, expect, test } from "vitest";
import { breachesOf, doubleSuccesses, lostOf, takenBack } from "../storm/law.ts";
import { daemonScenarios, type Scenario } from "./daemon-scenarios.ts";
import { CrashWorld, type Point, type When } from "./world.ts";

/** Every write of the daemon in each scenario: it dies before it, and after it; and in memory again at its next write. */
const figures: string[] = [];

for (const scenario of daemonScenarios) {
  test(`a daemon that dies at any write of "${scenario.name}" goes on as if it had not`, async () => {
    const { writes } = await play(scenario, null);
    let points = 0;
    for (const point of pointsOf(writes.length, scenario.again)) {
      const { deaths } = await play(scenario, point).catch((error: unknown) => {
        throw new Error(
          `${scenario.name}, died ${point.when} write ${point.op} (${writes[point.op - 1]}), again ${point.again}`,
          {
            cause: error,
          },
        );
      });
      // a real engine answers when it likes, so the records may go in fewer portions than before
      if (deaths === 0 && !scenario.again) continue;
      expect(deaths, "it died where it was told to").toBe(point.again === null ? 1 : 2);
      points++;
    }
    figures.push(`${String(points).padStart(5)} points, ${String(writes.length).padStart(3)} writes: ${scenario.name}`);
  });
}

afterAll(() => {
  const total = figures.reduce((sum, line) => sum + Number.parseInt(line, 10), 0);
  console.info(`${figures.join("\n")}\n${String(total).padStart(5)} points in all`);
});

function* pointsOf(writes: number, twice: boolean): Generator<Point> {
  const whens: readonly When[] = ["before", "after"];
  for (let op = 1; op <= writes; op++) {
    for (const when of whens) for (const again of [null, ...(twice ? whens : [])]) yield { op, when, again };
  }
}

/** Tells the story to its end, and holds what is left against the law. */
async function play(scenario: Scenario, point: Point | null): Promise<{ deaths: number; writes: string[] }> {
  const disk = await scenario.disk();
  try {
    const world = await CrashWorld.open(disk, point);
    await scenario.play(world);
    await world.drain();
    const histories = await world.histories();
    for (const history of histories.values()) {
      expect(breachesOf(history)).toEqual([]);
      expect(doubleSuccesses(history)).toEqual([]);
    }
    expect(lostOf(world.acks, histories)).toEqual([]);
    expect(world.lost).toEqual([]);
    expect(takenBack(world.acks)).toEqual([]);
    expect(world.broken).toEqual([]);
    const records = await world.records();
    const told = { deaths: world.deaths, writes: [...world.writes] };
    await world.rebuild();
    expect(await world.records(), "the records equal a rebuild").toEqual(records);
    return told;
  } finally {
    await disk.close();
  }
}
