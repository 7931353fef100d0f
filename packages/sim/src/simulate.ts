import { drive } from "./drive.ts";
import { drawProfile, type Profile } from "./profile.ts";
import { Dice } from "./random.ts";
import type { Tally } from "./tally.ts";
import { drawRuns, type RunPlan } from "./workload.ts";
import { type Violation, World, type WorldOptions } from "./world.ts";

/** What became of one seed. */
export interface Outcome {
  readonly seed: string;
  readonly violations: readonly Violation[];
  readonly tally: Tally;
  /** Stages of each run. */
  readonly sizes: readonly number[];
  readonly steps: number;
  readonly virtual_ms: number;
  readonly trace: readonly string[];
}

export interface Course {
  /** After the last fault every run ends within this time. */
  readonly liveness_ms?: number;
  readonly steps_max?: number;
  /** How promises are run to their end; see `drive.ts`. */
  readonly drain?: () => void;
  /** Sees the world when all is over. */
  readonly look?: (world: World) => void;
}

const LIVENESS_MS = 15 * 60_000;
const CAUGHT_UP_MS = 2_500;
const SETTLE_MS = 20_000;

/** One seed, from nothing to its end. */
export async function simulate(seed: string, course: Course = {}): Promise<Outcome> {
  const dice = new Dice(seed).fork("setting");
  const profile = drawProfile(dice);
  const labels = dice.chance(0.5) ? ["gpu"] : [];
  const agents = Array.from({ length: dice.int(2, 4) }, (_, i) => ({
    slots: dice.int(1, 4),
    labels: i === 0 || dice.chance(0.3) ? labels : [],
  }));
  return simulateWith(seed, profile, { machines: dice.int(1, 3), agents }, drawRuns(dice, labels), course);
}

export async function simulateWith(
  seed: string,
  profile: Profile,
  options: WorldOptions,
  runs: readonly RunPlan[],
  { liveness_ms = LIVENESS_MS, steps_max, drain, look = () => {} }: Course = {},
): Promise<Outcome> {
  const world = new World(seed, profile, { ...options, ...(steps_max === undefined ? {} : { steps_max }) });
  let done = false;
  world.scheduler.at(0, null, () => {
    void live(world, runs, liveness_ms).then(
      () => {
        done = true;
      },
      (error: unknown) => world.lostRejection(error),
    );
  });
  await drive(() => !done && world.step(), world.lostRejection, drain);
  if (!done && world.violations.length === 0)
    world.violation("I8", "nothing happens any more, and the world is not over");
  look(world);
  return {
    seed,
    violations: world.violations,
    tally: world.tally,
    sizes: [...world.law.runs.values()].map((run) => run.stages.size),
    steps: world.scheduler.steps,
    virtual_ms: world.scheduler.now,
    trace: world.trace.lines,
  };
}

/** The course of every world: faults, then none, then an end at which everything is looked at. */
async function live(world: World, runs: readonly RunPlan[], liveness_ms: number): Promise<void> {
  const { scheduler, daemon, agents, people, faults, profile } = world;
  const sleep = (ms: number): Promise<void> => scheduler.sleep(ms, null);
  daemon.start();
  for (const agent of agents) agent.start();
  for (const run of runs) void people.submit(run);
  faults.start();

  await sleep(profile.faults_until_ms);
  faults.stop();
  const late = scheduler.now + liveness_ms;
  // idle for as long as the records may take: what a fault sent again and is still on its way may reopen a run
  for (let stored = -1; stored !== storedEvents(world); ) {
    while (!over(world)) {
      if (scheduler.now > late) return stuck(world);
      await sleep(250);
    }
    stored = storedEvents(world);
    await sleep(CAUGHT_UP_MS);
  }
  if (daemon.owner !== null) await world.recovery.memory(daemon.owner.active());
  world.records.caughtUp();
  await world.recovery.rebuilt();

  // every agent starts again and finds what earlier lives left
  for (const agent of agents) agent.kill("is started again");
  daemon.kill("is started again");
  await sleep(SETTLE_MS + profile.grace_ms);
  world.bundles.end();
  world.answers.end();
  await people.showAll((view) => world.answers.view(view));
  for (const { name, table } of world.machines) {
    const left = [...table.living.values()].find(
      ({ pid, pgid, exec }) => exec !== null && !world.commands.isAway(pid, pgid),
    );
    if (left) world.violation("I7", `process ${left.pid} of ${left.exec?.exec_id} lives on ${name} when all is over`);
  }
}

function over({ law, people, disk, daemon }: World): boolean {
  // one that lost its power just before the last fault is still to come back, and has records to catch up with
  if (people.busy > 0 || !daemon.up) return false;
  for (const run of law.runs.values()) if (run.status === "running") return false;
  return disk.journal.size === law.runs.size;
}

function storedEvents({ law }: World): number {
  let stored = 0;
  for (const run of law.runs.values()) stored += run.seq;
  return stored;
}

function stuck(world: World): void {
  for (const run of world.law.runs.values()) {
    if (run.status !== "running") continue;
    const open = [...run.stages.values()]
      .filter(({ now }) => ["pending", "queued", "running", "needs_human"].includes(now.status))
      .map(({ stage_id, now }) => `${stage_id} ${now.status}`);
    world.violation("I8", `run ${run.run_id} does not end: ${open.slice(0, 8).join(", ")}`);
  }
  if (world.people.busy > 0) world.violation("I8", "a person still waits for an answer");
}
