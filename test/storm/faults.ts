import { setTimeout as pause } from "node:timers/promises";
import type { Dice } from "./random.ts";
import type { Target } from "./target.ts";

export interface Quota {
  readonly daemon_kills: number;
  readonly agent_kills: number;
}

export interface Times {
  readonly lease_ms: number;
  readonly grace_ms: number;
}

/** Kills and stops, one after the other and now and then two at once, until the quota is reached and all work again. */
export async function injectFaults(
  daemon: Target,
  agents: readonly Target[],
  quota: Quota,
  times: Times,
  dice: Dice,
  trouble: AbortSignal,
): Promise<void> {
  const courses = new Set<Promise<void>>();
  const isOpen = (target: Target): boolean =>
    target === daemon
      ? daemon.kills < quota.daemon_kills
      : agents.reduce((sum, { kills }) => sum + kills, 0) < quota.agent_kills;
  const begin = (course: Promise<void>): void => {
    courses.add(course);
    void course.finally(() => courses.delete(course));
  };
  while (([daemon, ...agents].some(isOpen) || courses.size > 0) && !trouble.aborted) {
    await pause(dice.between(100, 1_200));
    const free = [daemon, ...agents].filter((target) => !target.busy && isOpen(target));
    // the daemon as often as all agents together, as long as it has to be
    const first = isOpen(daemon) && !daemon.busy && dice.chance(0.5) ? daemon : dice.pick(free);
    if (first === undefined) continue;
    if (dice.chance(0.2)) {
      const any = [daemon, ...agents].filter((target) => !target.busy);
      begin(dice.pick(any).stop(pauseOf(dice, times)));
      continue;
    }
    const second = dice.chance(0.15) ? free.find((target) => target !== first) : undefined;
    for (const target of [first, second]) if (target !== undefined) begin(killOnce(target, daemon, times, dice));
  }
  await Promise.all(courses);
}

/** Mostly shorter than a lease, now and then longer. */
const pauseOf = (dice: Dice, { lease_ms }: Times): number =>
  dice.chance(0.8) ? dice.between(50, lease_ms * 0.8) : dice.between(lease_ms, lease_ms * 1.4);

function killOnce(target: Target, daemon: Target, { lease_ms, grace_ms }: Times, dice: Dice): Promise<void> {
  const at_start = dice.chance(0.2) ? dice.between(0, 500) : null;
  // an agent that stays away for longer than its leases leaves what it ran to nobody
  const long = target !== daemon && dice.chance(0.15);
  return target.kill(long ? lease_ms + grace_ms + dice.between(0, 1_500) : dice.between(0, 400), at_start);
}
