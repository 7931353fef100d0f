import { createHash } from "node:crypto";
import { builtInPolicy, policyDigest } from "orchestrator-core";
import { makeHandlers, manifestFlaw, type MemoryDisk, Owner } from "orchestrator-daemon/parts";
import { makeClock } from "./clocks.ts";
import { Gateway } from "./gateway.ts";
import type { Machine } from "./machine.ts";
import type { OsProcess } from "./processes.ts";
import { Dead, Scope } from "./scheduler.ts";
import { openSimStore } from "./store.ts";
import type { World } from "./world.ts";

export const DAEMON_URL = "http://daemon";
const CLOSING_MS = 30_000;

/** The daemon's lives: each opens the same disk anew. */
export class DaemonHost {
  readonly machine: Machine;
  scope: Scope | null = null;
  owner: Owner | null = null;
  readonly #world: World;
  readonly #disk: MemoryDisk;
  #process: OsProcess | null = null;
  #lives = 0;

  constructor(world: World, machine: Machine, disk: MemoryDisk) {
    this.#world = world;
    this.machine = machine;
    this.#disk = disk;
  }

  get up(): boolean {
    return this.owner !== null && this.scope?.paused === false;
  }

  start(): void {
    if (this.scope !== null) return;
    const world = this.#world;
    const scope = new Scope(`daemon.${++this.#lives}`);
    this.scope = scope;
    const dice = world.dice.fork(scope.name);
    const { machine } = this;
    const process = machine.table.spawn({});
    this.#process = process;
    world.trace.say(`${scope.name} starts`);
    const { lease_ms } = world.profile;
    void Owner.open(
      {
        store: openSimStore(world, scope, this.#disk),
        clock: makeClock(world.scheduler, scope, machine.wall, dice),
        random: (count) => dice.bytes(count),
        sha256: (text) => createHash("sha256").update(text).digest("hex"),
        manifestFlaw,
        log: (level, message, fields = {}) => {
          if (scope.alive) world.trace.say(`${scope.name} ${level} ${message} ${JSON.stringify(fields)}`);
        },
        onBroken: (message) => {
          if (!scope.alive) return;
          world.trace.say(`${scope.name} breaks: ${message}`);
          if (!/simulated/.test(message)) world.violation("broken", message);
          world.scheduler.after(dice.between(0, 20), scope, () => this.kill("exits with 75"));
        },
      },
      { lease_ms, backlog_max: dice.pick([20, 10_000]), policy_digest: policyDigest },
    ).then(
      (owner) => {
        if (!scope.alive) return;
        this.owner = owner;
        const handlers = makeHandlers(owner, {
          workspace_roots: ["/"],
          policy: { of: () => builtInPolicy },
          store: "memory:",
          freeze: { now: null, set: () => {} },
          tokens: { list: () => [], create: () => "", revoke: () => {} },
          onStop: () => {},
        });
        world.net.listener = { scope, gateway: new Gateway(world, scope, owner, handlers) };
        machine.put(
          "/state/daemon.json",
          JSON.stringify({ url: DAEMON_URL, pid: process.pid, pid_start: process.start }),
        );
        world.trace.say(`${scope.name} listens`);
        void world.recovery.memory(owner.active());
      },
      (error: unknown) => {
        if (scope.alive && !(error instanceof Dead))
          world.violation("open", `the daemon does not open: ${String(error)}`);
      },
    );
  }

  /** SIGKILL, or the end after a graceful stop. Comes back later, unless the machine lost its power. */
  kill(why: string, again = true): void {
    const { scope } = this;
    if (scope === null) return;
    const world = this.#world;
    world.trace.say(`${scope.name} ${why}`);
    for (const [key, write] of world.writesUnderWay) {
      if (write.scope !== scope) continue;
      world.writesUnderWay.delete(key);
      world.tally.lost_writes++;
    }
    world.net.listener = null;
    this.owner = null;
    this.scope = null;
    world.die(scope);
    if (this.#process !== null) this.machine.table.end(this.#process, { code: null, signal: "SIGKILL" });
    world.disturbEverybody();
    if (again) world.scheduler.after(world.dice.around(800), null, () => this.start());
  }

  pause(ms: number): void {
    const { scope } = this;
    if (scope === null || scope.paused) return;
    scope.paused = true;
    this.#world.tally.pauses++;
    this.#world.disturbEverybody();
    this.#world.trace.say(`${scope.name} SIGSTOP for ${Math.round(ms)} ms`);
    this.#world.scheduler.after(ms, null, () => this.resume(scope));
  }

  resume(scope = this.scope): void {
    if (!scope?.alive || !scope.paused) return;
    this.#world.trace.say(`${scope.name} SIGCONT`);
    this.#world.disturbEverybody();
    this.#world.scheduler.resume(scope);
  }

  /** SIGTERM: what waits is written, then it ends. */
  stop(): void {
    const { scope, owner } = this;
    if (scope === null || owner === null) return;
    this.#world.disturbEverybody();
    this.#world.trace.say(`${scope.name} stops`);
    const gone = (why: string) => (): void => {
      if (this.scope === scope) this.kill(why);
    };
    this.#world.scheduler.after(CLOSING_MS, null, gone("is killed, since it does not end"));
    void owner.close().then(gone("ends"));
  }
}
