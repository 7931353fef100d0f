import { newMemoryDisk, type MemoryDisk } from "orchestrator-daemon/parts";
import type { HeartbeatReply, HttpReply, HttpRequest, Recorded } from "orchestrator-core";
import { AgentHost } from "./agent-host.ts";
import { Answers } from "./checkers/answers.ts";
import { Bundles } from "./checkers/bundles.ts";
import { Commands } from "./checkers/commands.ts";
import { Law, type LawRun, type LawStage } from "./checkers/law.ts";
import { Records } from "./checkers/records.ts";
import { Recovery } from "./checkers/recovery.ts";
import { People } from "./client.ts";
import { DaemonHost } from "./daemon-host.ts";
import { Faults } from "./faults.ts";
import { Impostor } from "./impostor.ts";
import { Machine } from "./machine.ts";
import { type Caller, Net } from "./net.ts";
import type { Profile } from "./profile.ts";
import { Dice } from "./random.ts";
import { Dead, Scheduler, Scope } from "./scheduler.ts";
import { newTally, type Tally } from "./tally.ts";
import { Trace } from "./trace.ts";

export interface Violation {
  readonly checker: string;
  readonly message: string;
  readonly at_ms: number;
}

/** Two hundred times what a world takes. */
const STEPS_MAX = 200_000;

export interface WorldOptions {
  readonly machines: number;
  readonly agents: readonly { readonly slots: number; readonly labels: readonly string[] }[];
  readonly steps_max?: number;
}

/** Everything there is: machines, processes, a network, people, and the checkers that watch them. */
export class World {
  readonly scheduler = new Scheduler();
  readonly dice: Dice;
  readonly profile: Profile;
  readonly tally: Tally = newTally();
  readonly trace: Trace;
  readonly disk: MemoryDisk = newMemoryDisk();
  readonly writesUnderWay = new Map<object, { readonly scope: Scope }>();
  readonly violations: Violation[] = [];
  /** When a run ended last. */
  ended_ms = 0;

  readonly law: Law;
  readonly answers: Answers;
  readonly records: Records;
  readonly recovery: Recovery;
  readonly commands: Commands;
  readonly bundles: Bundles;

  readonly net: Net;
  readonly machines: readonly Machine[];
  readonly daemon: DaemonHost;
  readonly agents: readonly AgentHost[];
  readonly people: People;
  readonly impostor: Impostor;
  readonly faults: Faults;

  readonly #steps_max: number;
  readonly #deaths = new Map<Scope, (() => void)[]>();
  readonly #disturbed = new Map<string, { readonly from: number; to: number }[]>();
  readonly #names = new Map<string, string>();

  constructor(seed: string, profile: Profile, options: WorldOptions) {
    this.dice = new Dice(seed);
    this.profile = profile;
    this.#steps_max = options.steps_max ?? STEPS_MAX;
    this.trace = new Trace(this.scheduler);
    const object = (checker: string, message: string): void => this.violation(checker, message);
    this.law = new Law(this.disk, {
      now: () => this.scheduler.now,
      object,
      happened: (run, event, stage) => this.#happened(run, event, stage),
    });
    this.answers = new Answers(this.law, this.disk, this.tally, object, () => this.daemon.owner?.active() ?? []);
    this.records = new Records(this.law, this.disk, object);
    this.recovery = new Recovery(this.law, this.answers, this.disk, object);
    this.commands = new Commands(this);
    this.bundles = new Bundles(this);
    this.faults = new Faults(this, profile);
    this.net = new Net(this);
    this.machines = Array.from({ length: options.machines }, (_, i) => new Machine(this, `m${i}`));
    this.daemon = new DaemonHost(this, this.machines[0]!, this.disk);
    this.agents = options.agents.map(({ slots, labels }, i) => {
      const machine = this.machines[i % this.machines.length]!;
      const finds = machine === this.daemon.machine && i % 2 === 0;
      return new AgentHost(this, machine, { name: `a${i}`, slots, labels, finds });
    });
    this.people = new People(this);
    this.impostor = new Impostor(this);
  }

  violation = (checker: string, message: string): void => {
    if (this.violations.length > 20) return;
    this.violations.push({ checker, message, at_ms: this.scheduler.now });
    this.trace.say(`VIOLATION ${checker}: ${message}`);
  };

  /** A rejection that nobody handled. In production it would end the process. */
  lostRejection = (error: unknown): void => {
    if (error instanceof Dead) return;
    this.violation("crash", error instanceof Error ? (error.stack ?? error.message) : String(error));
  };

  /** One event. False: nothing is left to happen, or something is wrong. */
  step(): boolean {
    if (this.violations.length > 0) return false;
    if (this.scheduler.steps > this.#steps_max)
      this.violation("I8", "something spins: the world has seen enough events");
    try {
      return this.scheduler.step();
    } catch (error) {
      if (!(error instanceof Dead)) this.lostRejection(error);
      return true;
    }
  }

  short(run_id: string): string {
    let name = this.#names.get(run_id);
    if (name === undefined) {
      name = `r${this.#names.size + 1}`;
      this.#names.set(run_id, name);
    }
    return name;
  }

  // lives and deaths

  onDeath(scope: Scope, fn: () => void): void {
    const fns = this.#deaths.get(scope);
    if (fns) fns.push(fn);
    else this.#deaths.set(scope, [fn]);
  }

  die(scope: Scope): void {
    scope.alive = false;
    for (const fn of this.#deaths.get(scope) ?? []) fn();
    this.#deaths.delete(scope);
  }

  // what explains a lost lease

  /** Something happened to it that may cost it a lease; its consequences may last. */
  disturb(name: string, for_ms = 0): void {
    const from = this.scheduler.now;
    const times = this.#disturbed.get(name);
    const last = times?.at(-1);
    if (times === undefined) this.#disturbed.set(name, [{ from, to: from + for_ms }]);
    else if (last?.from === from) last.to = Math.max(last.to, from + for_ms);
    else times.push({ from, to: from + for_ms });
  }

  disturbEverybody(): void {
    for (const { name } of this.agents) this.disturb(name);
  }

  /** Nothing happened to this agent, its connection or the daemon between the two. */
  calmBetween(name: string, from: number, to: number): boolean {
    if (name === "impostor") return false;
    const early = from - this.profile.lease_ms;
    return !(this.#disturbed.get(name) ?? []).some((times) => times.to >= early && times.from <= to);
  }

  diskFault({ name }: AgentHost, what: string): void {
    this.tally.disk_faults++;
    this.disturb(name);
    this.trace.say(`${name} ${what}`);
  }

  // what the world hears of

  /** An answer reached its caller. */
  delivered(request: HttpRequest, reply: HttpReply, { honest }: Caller): void {
    if (!honest || reply.status !== 200 || !request.path.endsWith("/heartbeat")) return;
    for (const exec_id of (JSON.parse(reply.body) as HeartbeatReply).cancel) this.commands.told.add(exec_id);
  }

  #happened(run: LawRun, event: Recorded, stage: LawStage | null): void {
    const { tally } = this;
    const exec = "exec_id" in event ? stage?.execs.get(event.exec_id) : undefined;
    if (stage?.now.status === "needs_human" && stage.now.seq === event.seq) void this.people.answer(run, stage);
    switch (event.type) {
      case "run_created":
        tally.runs++;
        tally.stages += run.stages.size;
        this.#askAll(run);
        return;
      case "run_retried":
        this.#askAll(run);
        return;
      case "stage_granted":
        tally.execs++;
        if (stage !== null && stage.execs.size > 1) tally.reexecutions++;
        return;
      case "stage_handed_back":
        tally.handed_back++;
        if (exec) this.commands.reported(exec);
        return;
      case "lease_lost":
        if (stage && exec) this.commands.lost(run, stage, exec);
        return;
      case "exec_failed":
        if (event.next === "retry") tally.retries++;
        if (exec) this.commands.reported(exec);
        return;
      case "exec_succeeded":
        if (exec) this.commands.reported(exec);
        return;
      case "stage_skipped":
        tally.skips++;
        return;
      case "cancel_requested":
      case "fail_fast_began":
        this.commands.stopping(run);
        return;
      case "run_settled":
        this.ended_ms = this.scheduler.now;
        void this.people.ended(run);
        return;
      default:
        return;
    }
  }

  #askAll(run: LawRun): void {
    for (const stage of run.stages.values()) {
      if (stage.now.status === "needs_human") void this.people.answer(run, stage);
    }
  }
}
