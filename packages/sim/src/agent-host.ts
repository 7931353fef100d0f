import { type Agent, type AgentOptions, type Ports, optionDefaults, startAgent } from "orchestrator-agent";
import { ProblemError } from "orchestrator-core";
import { makeClock } from "./clocks.ts";
import { DAEMON_URL } from "./daemon-host.ts";
import { FileError } from "./disk.ts";
import { Descriptors, type FileFaults, makeFiles } from "./files.ts";
import type { Machine } from "./machine.ts";
import { makeProcesses, type OsProcess } from "./processes.ts";
import type { Dice } from "./random.ts";
import { Dead, Scope } from "./scheduler.ts";
import type { World } from "./world.ts";

/** What a full disk refuses. */
const NEEDS_ROOM = new Set(["write", "append", "openNew", "mkdirs", "mkdir", "truncate", "link"]);

/** One agent's lives on its machine. */
export class AgentHost {
  readonly name: string;
  readonly machine: Machine;
  readonly slots: number;
  readonly labels: readonly string[];
  scope: Scope | null = null;
  agent: Agent | null = null;
  /** Since when it has been up and running without a break; Infinity: it is not. */
  calm_since = Number.POSITIVE_INFINITY;
  /** When it last ended, however it did. */
  ended_at = Number.NEGATIVE_INFINITY;
  readonly #world: World;
  /** By its daemon's file, or by a fixed address as from another machine. */
  readonly #finds: boolean;
  #process: OsProcess | null = null;
  #lives = 0;

  constructor(
    world: World,
    machine: Machine,
    given: {
      readonly name: string;
      readonly slots: number;
      readonly labels: readonly string[];
      readonly finds: boolean;
    },
  ) {
    this.#world = world;
    this.machine = machine;
    this.name = given.name;
    this.slots = given.slots;
    this.labels = given.labels;
    this.#finds = given.finds;
  }

  start(): void {
    if (this.scope !== null) return;
    const world = this.#world;
    const scope = new Scope(`${this.name}.${++this.#lives}`);
    const dice = world.dice.fork(scope.name);
    this.scope = scope;
    this.#process = this.machine.table.spawn({});
    world.trace.say(`${scope.name} starts`);
    this.calm_since = world.scheduler.now;
    try {
      const agent = startAgent(this.#options(), this.#ports(scope, this.#process, dice));
      this.agent = agent;
      void agent.ended.then((exit) => {
        if (!scope.alive) return;
        this.kill(`ends with ${exit}`);
      });
    } catch (error) {
      if (error instanceof Dead) return;
      if (!(error instanceof FileError) && !(error instanceof ProblemError)) throw error;
      this.kill(`does not start: ${error.message}`);
    }
  }

  #options(): AgentOptions {
    return {
      state: "/state",
      secrets: "/state/secrets",
      daemon: this.#finds ? null : DAEMON_URL,
      agent_id: this.name,
      slots: this.slots,
      labels: this.labels,
      workspace_roots: ["/"],
      environment: { PATH: "/usr/bin:/bin" },
      grace_ms: this.#world.profile.grace_ms,
      drain_ms: 1_000,
      sandbox: optionDefaults.sandbox,
    };
  }

  #ports(scope: Scope, process: OsProcess, dice: Dice): Ports {
    const world = this.#world;
    const descriptors = new Descriptors();
    const files = makeFiles(this.machine.disk, descriptors, this.#faults(scope, dice));
    const clock = makeClock(world.scheduler, scope, this.machine.wall, dice);
    return {
      clock,
      random: (count) => dice.bytes(count),
      files,
      processes: makeProcesses(this.machine.table, process, descriptors, {
        scope,
        scheduler: world.scheduler,
        clock,
        dice,
        spawn_fails: world.faults.spawnFails(),
      }),
      connect: () => world.net.transport({ name: this.name, scope, honest: true }),
      log: (line) => {
        if (scope.alive) world.trace.say(`${scope.name} ${line.slice(line.indexOf('"event":') + 8)}`);
      },
    };
  }

  #faults(scope: Scope, dice: Dice): FileFaults {
    const world = this.#world;
    const die = (when: string, call: string, path: string): never => {
      this.kill(`dies ${when} ${call} ${path}`);
      world.tally.agent_crashes++;
      world.tally.crashes++;
      world.faults.again(this.machine);
      throw new Dead(scope.name);
    };
    return {
      check: () => scope.check(),
      before: (call, path) => {
        scope.check();
        const { dies, fails } = world.faults.files();
        const luck = dice.float();
        if (luck < dies / 2) die("before", call, path);
        if (this.machine.table.full && NEEDS_ROOM.has(call)) {
          world.diskFault(this, `ENOSPC ${call} ${path}`);
          throw new FileError("ENOSPC", path);
        }
        if (luck > 1 - fails && (call === "sync" || call === "syncDirectory" || NEEDS_ROOM.has(call))) {
          world.diskFault(this, `EIO ${call} ${path}`);
          throw new FileError("EIO", path);
        }
      },
      after: (call, path) => {
        if (call === "mkdirs" && path.includes("/.tmp-")) world.bundles.began(path, this);
        const { dies } = world.faults.files();
        if (dies > 0 && dice.chance(dies / 2)) die("after", call, path);
      },
    };
  }

  /** SIGKILL, or its own end. Comes back later, unless the machine lost its power. */
  kill(why: string, again = true): void {
    const { scope } = this;
    if (scope === null) return;
    const world = this.#world;
    world.trace.say(`${scope.name} ${why}`);
    this.scope = null;
    this.agent = null;
    this.calm_since = Number.POSITIVE_INFINITY;
    this.ended_at = world.scheduler.now;
    world.die(scope);
    if (this.#process !== null) this.machine.table.end(this.#process, { code: null, signal: "SIGKILL" });
    world.disturb(this.name);
    if (again) world.scheduler.after(world.dice.around(1_500), null, () => this.start());
  }

  pause(ms: number): void {
    const { scope } = this;
    if (scope === null || scope.paused) return;
    const world = this.#world;
    scope.paused = true;
    this.calm_since = Number.POSITIVE_INFINITY;
    world.tally.pauses++;
    world.disturb(this.name);
    world.trace.say(`${scope.name} SIGSTOP for ${Math.round(ms)} ms`);
    world.scheduler.after(ms, null, () => this.resume(scope));
  }

  resume(scope = this.scope): void {
    if (!scope?.alive || !scope.paused) return;
    const world = this.#world;
    world.trace.say(`${scope.name} SIGCONT`);
    world.disturb(this.name);
    this.calm_since = world.scheduler.now;
    world.scheduler.resume(scope);
  }

  /** SIGTERM, and sometimes a second one. */
  stop(impatient: boolean): void {
    const { agent, scope } = this;
    if (agent === null || scope === null) return;
    const world = this.#world;
    world.disturb(this.name);
    world.trace.say(`${scope.name} SIGTERM${impatient ? " twice" : ""}`);
    world.scheduler.after(0, scope, agent.stop);
    if (impatient) world.scheduler.after(world.dice.between(1, 500), scope, agent.stop);
  }
}
