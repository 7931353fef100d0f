import type { Evidence, ExecName, OsProcess } from "../processes.ts";
import type { World } from "../world.ts";
import type { LawExec, LawRun, LawStage } from "./law.ts";

/**
 * What commands say of themselves. I2: no command of an exec is begun twice. I7: no process outlives its lease plus
 * grace while its agent lives. I9: a command begins only while its exec holds the stage, and never on an agent that
 * was told to end it. Every exec after a stage's first is explained by what was done to the one before.
 */
const SLACK_MS = 800;
const LOOK_AGAIN_MS = 5_000;
/** An exec that was granted in the same moment is told at the next heartbeat. */
const STOPPING_MS = 3_000;

export class Commands implements Evidence {
  /** Execs that their agent was told to end. */
  readonly told = new Set<string>();
  readonly #world: World;
  readonly #begun = new Set<string>();
  readonly #times = new Map<string, number>();
  readonly #machines = new Map<string, string>();

  constructor(world: World) {
    this.#world = world;
  }

  times({ run_id, stage_id, n }: ExecName): number {
    return this.#times.get(`${run_id}/${stage_id}/${n}`) ?? 0;
  }

  began(process: OsProcess, exec: ExecName, machine: string): void {
    const world = this.#world;
    const { pid } = process;
    const { run_id, stage_id, exec_id, n } = exec;
    world.tally.commands++;
    world.trace.say(`${machine} command ${pid} of ${exec_id} ${stage_id}/${n} begins`);
    const key = `${exec_id}/${n}`;
    if (this.#begun.has(key)) world.violation("I2", `command ${n} of exec ${exec_id} begins a second time`);
    this.#begun.add(key);
    this.#machines.set(exec_id, machine);
    const counted = `${run_id}/${stage_id}/${n}`;
    this.#times.set(counted, (this.#times.get(counted) ?? 0) + 1);
    const stage = world.law.runs.get(run_id)?.stages.get(stage_id);
    if (stage?.now.holder !== exec_id) {
      world.violation(
        "I9",
        `a command of ${exec_id} begins, and ${stage_id} is ${stage?.now.status} by ${stage?.now.holder}`,
      );
    }
    const { spec } = stage ?? {};
    const timeout_ms = spec?.kind === "exec" ? (spec.exec.commands[n]?.timeout_ms ?? null) : null;
    if (timeout_ms !== null) this.#bound(process, exec, timeout_ms);
    if (this.told.has(exec_id))
      world.violation("I9", `a command of ${exec_id} begins after its agent was told to end it`);
  }

  ended({ pid }: OsProcess, { exec_id }: ExecName, machine: string): void {
    this.#world.trace.say(`${machine} process ${pid} of ${exec_id} ends`);
  }

  /** The daemon took a lease back. */
  lost(run: LawRun, stage: LawStage, exec: LawExec): void {
    const world = this.#world;
    const { profile, scheduler, tally } = world;
    if (exec.cause === "expired") tally.leases_expired++;
    const calm = world.calmBetween(exec.agent_id, exec.granted_ms - profile.lease_ms, scheduler.now);
    if (calm) {
      world.violation(
        "reexecution",
        `exec ${exec.exec_id} of ${stage.stage_id} in ${run.run_id} was lost (${exec.cause}), and nothing had happened to ${exec.agent_id}`,
      );
    }
    this.#watch(exec.exec_id, exec.agent_id, scheduler.now);
  }

  /** A command does not outlive its timeout plus grace, where its agent was there to end it. */
  #bound(process: OsProcess, exec: ExecName, timeout_ms: number): void {
    const { scheduler, agents, law, profile, violation } = this.#world;
    const began = scheduler.now;
    scheduler.after(timeout_ms + profile.grace_ms + SLACK_MS, null, () => {
      const agent_id = law.runs.get(exec.run_id)?.stages.get(exec.stage_id)?.execs.get(exec.exec_id)?.agent_id;
      const host = agents.find(({ name }) => name === agent_id);
      if (!process.alive || host === undefined || host.calm_since > began) return;
      violation("I7", `process ${process.pid} of ${exec.exec_id} outlives its timeout of ${timeout_ms} ms`);
    });
  }

  /** The run is stopping: agents that can be reached end what they run. */
  stopping(run: LawRun): void {
    const { scheduler, profile, violation } = this.#world;
    const began = scheduler.now;
    for (const stage of run.stages.values()) {
      const exec_id = stage.now.holder;
      const agent_id = exec_id === null ? undefined : stage.execs.get(exec_id)?.agent_id;
      if (exec_id === null || agent_id === undefined) continue;
      scheduler.after(profile.lease_ms / 2 + profile.grace_ms + STOPPING_MS, null, () => {
        if (stage.now.holder !== exec_id || !this.#world.calmBetween(agent_id, began, scheduler.now)) return;
        violation(
          "I9",
          `exec ${exec_id} of ${stage.stage_id} runs on after its run was stopped, and ${agent_id} is well`,
        );
      });
    }
  }

  /** I7: looks until the last process of the exec has ended, or had to. */
  #watch(exec_id: string, agent_id: string, lost_at: number): void {
    const world = this.#world;
    const { scheduler } = world;
    const machine = world.machines.find(({ name }) => name === this.#machines.get(exec_id));
    const host = world.agents.find(({ name }) => name === agent_id);
    if (host === undefined) return;
    const allowed = world.profile.grace_ms + SLACK_MS;
    let late = false;
    const look = (): void => {
      const left = (machine ?? host.machine).processesOf(exec_id).filter(({ pid, pgid }) => !this.isAway(pid, pgid));
      if (left.length === 0) return;
      const since = Math.max(lost_at, host.calm_since);
      if (scheduler.now >= since + allowed) {
        world.violation(
          "I7",
          `process ${left[0]!.pid} of ${exec_id} outlives its lease by ${Math.round(scheduler.now - lost_at)} ms, and ${agent_id} was alive`,
        );
        return;
      }
      if (!late && host.calm_since === Number.POSITIVE_INFINITY) {
        late = true;
        world.tally.outlived_dead_agent++;
      }
      const next = since === Number.POSITIVE_INFINITY ? scheduler.now + LOOK_AGAIN_MS : since + allowed;
      scheduler.at(next, null, look);
    };
    scheduler.at(lost_at + allowed, null, look);
  }

  /** A process that left its group while its command ended well is beyond what we promise. */
  isAway(pid: number, pgid: number): boolean {
    return pid === pgid && this.#world.machines.some(({ table }) => table.away.has(pid));
  }

  /** A report was accepted: nothing of its exec is left, but for what left its group. */
  reported(exec: LawExec): void {
    for (const machine of this.#world.machines) {
      const left = machine.processesOf(exec.exec_id).filter(({ pid, pgid }) => !this.isAway(pid, pgid));
      if (left.length > 0) {
        this.#world.violation("I7", `exec ${exec.exec_id} is ${exec.outcome}, and process ${left[0]!.pid} of it lives`);
      }
    }
  }
}
