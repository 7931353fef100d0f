import type { Machine } from "./machine.ts";
import type { Profile } from "./profile.ts";
import type { Dice } from "./random.ts";
import type { World } from "./world.ts";

/** What goes wrong, and when. After `stop` nothing does. */
export class Faults {
  over = false;
  readonly #world: World;
  readonly #profile: Profile;
  readonly #dice: Dice;

  constructor(world: World, profile: Profile) {
    this.#world = world;
    this.#profile = profile;
    this.#dice = world.dice.fork("faults");
  }

  net = (): Profile["net"] => (this.over ? NONE.net : this.#profile.net);
  store = (): Profile["store"] => (this.over ? NONE.store : this.#profile.store);
  files = (): Profile["files"] => (this.over ? NONE.files : this.#profile.files);
  spawnFails = (): number => (this.over ? 0 : this.#profile.spawn_fails);

  start(): void {
    const world = this.#world;
    const { daemon, net, people, impostor, tally } = world;
    const dice = this.#dice;
    const long = (): number => dice.around(this.#profile.lease_ms * (dice.chance(0.4) ? 1.2 : 0.3)) + 5;
    const acts: Record<keyof Profile["every_ms"], () => void> = {
      daemon_crash: () => {
        if (daemon.scope === null) return;
        tally.daemon_crashes++;
        tally.crashes++;
        daemon.kill("SIGKILL");
      },
      daemon_stop: () => daemon.stop(),
      daemon_pause: () => daemon.pause(long()),
      agent_crash: () => {
        const agent = dice.pick(world.agents);
        if (agent.scope === null) return;
        tally.agent_crashes++;
        tally.crashes++;
        agent.kill("SIGKILL");
      },
      agent_stop: () => dice.pick(world.agents).stop(dice.chance(0.3)),
      agent_pause: () => dice.pick(world.agents).pause(long()),
      agent_cut: () => {
        const { name } = dice.pick(world.agents);
        net.cut.add(name);
        world.disturb(name);
        world.trace.say(`${name} is cut off`);
        world.scheduler.after(long(), null, () => {
          net.cut.delete(name);
          world.disturb(name);
          world.trace.say(`${name} is connected again`);
        });
      },
      power_cut: () => this.#powerCut(dice.pick(world.machines)),
      clock_jump: () => {
        const machine = dice.pick(world.machines);
        tally.clock_jumps++;
        const jump = Math.round((dice.float() - 0.5) * 2 * (dice.chance(0.5) ? 10_000 : 86_400_000));
        machine.wall.offset_ms += jump;
        world.trace.say(`${machine.name} wall clock jumps by ${jump} ms`);
      },
      disk_full: () => {
        const machine = dice.pick(world.machines);
        machine.table.full = true;
        world.trace.say(`${machine.name} disk is full`);
        world.scheduler.after(dice.around(800), null, () => {
          machine.table.full = false;
          world.trace.say(`${machine.name} disk has room`);
        });
      },
      replay: () => net.replay(),
      impostor: () => void impostor.act(),
      cancel: () => void people.cancel(),
      read: () => void people.look(),
      refold: () => {
        if (daemon.owner !== null && daemon.up) void world.recovery.memory(daemon.owner.active());
      },
    };
    for (const [name, act] of Object.entries(acts)) this.#recur(this.#profile.every_ms[name as keyof typeof acts], act);
  }

  /** A machine that failed once fails again soon: what the first failure left half-done meets the second. */
  again(machine: Machine): void {
    if (this.over || !this.#dice.chance(0.25)) return;
    this.#world.scheduler.after(this.#dice.around(3_000), null, () => {
      if (!this.over) this.#powerCut(machine);
    });
  }

  #powerCut(machine: Machine): void {
    const world = this.#world;
    const { daemon, tally } = world;
    world.trace.say(`${machine.name} loses its power`);
    tally.power_cuts++;
    tally.crashes++;
    const agents = world.agents.filter((agent) => agent.machine === machine);
    for (const agent of agents) agent.kill("loses its power", false);
    const hosts = daemon.machine === machine;
    if (hosts) daemon.kill("loses its power", false);
    machine.powerCut();
    world.scheduler.after(this.#dice.around(2_000), null, () => {
      if (hosts) daemon.start();
      for (const agent of agents) agent.start();
    });
  }

  #recur(mean_ms: number, act: () => void): void {
    if (mean_ms === Number.POSITIVE_INFINITY) return;
    this.#world.scheduler.after(this.#dice.around(mean_ms), null, () => {
      if (this.over) return;
      act();
      this.#recur(mean_ms, act);
    });
  }

  /** All is well from now on: everybody is up, connected, and has room. */
  stop(): void {
    this.over = true;
    const world = this.#world;
    world.trace.say("no more faults");
    world.net.cut.clear();
    for (const machine of world.machines) machine.table.full = false;
    world.daemon.resume();
    for (const agent of world.agents) agent.resume();
    world.disturbEverybody();
  }
}

const NONE = {
  net: { lose: 0, twice: 0, slow: 0 },
  store: { conflict: 0, unknown: 0, slow: 0 },
  files: { dies: 0, fails: 0 },
} as const;
