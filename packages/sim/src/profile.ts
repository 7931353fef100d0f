import type { Dice } from "./random.ts";

/**
 * How bad a world is. Each seed draws which faults it knows at all (swarm testing, Groce et al. 2012): a world with a
 * few kinds of faults reaches states that one with all of them never does.
 */
export interface Profile {
  readonly lease_ms: number;
  readonly grace_ms: number;
  /** Faults happen until then; afterwards all is well and every run must end. */
  readonly faults_until_ms: number;
  /** Mean time between faults of a kind, in ms; Infinity: never. */
  readonly every_ms: {
    readonly daemon_crash: number;
    readonly daemon_stop: number;
    readonly daemon_pause: number;
    readonly agent_crash: number;
    readonly agent_stop: number;
    readonly agent_pause: number;
    readonly agent_cut: number;
    readonly power_cut: number;
    readonly clock_jump: number;
    readonly disk_full: number;
    readonly replay: number;
    readonly impostor: number;
    readonly cancel: number;
    readonly read: number;
    readonly refold: number;
  };
  /** Chances of one request, commit, read or call. */
  readonly net: { readonly lose: number; readonly twice: number; readonly slow: number };
  readonly store: { readonly conflict: number; readonly unknown: number; readonly slow: number };
  readonly files: { readonly dies: number; readonly fails: number };
  readonly spawn_fails: number;
}

export function drawProfile(dice: Dice): Profile {
  // one seed in 12 is a calm world: whatever is lost there is lost without a reason
  const calm = dice.chance(1 / 12);
  const every = (probability: number, from: number, to: number): number =>
    !calm && dice.chance(probability) ? dice.between(from, to) : Number.POSITIVE_INFINITY;
  const chance = (probability: number, from: number, to: number): number =>
    !calm && dice.chance(probability) ? dice.between(from, to) : 0;
  return {
    lease_ms: dice.pick([2_000, 3_000, 6_000, 12_000, 30_000]),
    grace_ms: dice.pick([100, 500, 1_000, 5_000]),
    faults_until_ms: dice.between(15_000, 40_000),
    every_ms: {
      daemon_crash: every(0.5, 3_000, 20_000),
      daemon_stop: every(0.15, 8_000, 30_000),
      daemon_pause: every(0.2, 5_000, 20_000),
      agent_crash: every(0.5, 3_000, 15_000),
      agent_stop: every(0.2, 6_000, 20_000),
      agent_pause: every(0.4, 3_000, 12_000),
      agent_cut: every(0.4, 3_000, 12_000),
      power_cut: every(0.2, 8_000, 30_000),
      clock_jump: every(0.3, 3_000, 15_000),
      disk_full: every(0.2, 6_000, 20_000),
      replay: every(0.4, 1_000, 5_000),
      impostor: every(0.4, 1_000, 5_000),
      cancel: dice.chance(0.3) ? dice.between(5_000, 40_000) : Number.POSITIVE_INFINITY,
      read: dice.between(1_000, 4_000),
      refold: dice.between(3_000, 9_000),
    },
    net: { lose: chance(0.5, 0.005, 0.1), twice: chance(0.4, 0.005, 0.08), slow: chance(0.5, 0.01, 0.15) },
    store: { conflict: chance(0.4, 0.005, 0.1), unknown: chance(0.35, 0.002, 0.02), slow: chance(0.4, 0.01, 0.1) },
    files: { dies: chance(0.45, 0.001, 0.012), fails: chance(0.3, 0.0005, 0.004) },
    spawn_fails: chance(0.2, 0.01, 0.1),
  };
}

/** A world in which nothing goes wrong. */
export function calmProfile(lease_ms = 30_000): Profile {
  const never = Number.POSITIVE_INFINITY;
  return {
    lease_ms,
    grace_ms: 1_000,
    faults_until_ms: 0,
    every_ms: {
      daemon_crash: never,
      daemon_stop: never,
      daemon_pause: never,
      agent_crash: never,
      agent_stop: never,
      agent_pause: never,
      agent_cut: never,
      power_cut: never,
      clock_jump: never,
      disk_full: never,
      replay: never,
      impostor: never,
      cancel: never,
      read: never,
      refold: never,
    },
    net: { lose: 0, twice: 0, slow: 0 },
    store: { conflict: 0, unknown: 0, slow: 0 },
    files: { dies: 0, fails: 0 },
    spawn_fails: 0,
  };
}
