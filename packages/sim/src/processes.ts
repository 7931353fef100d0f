import { type Ended, endUnkept, type Ports, type Processes, type Signal, type StartCommand } from "orchestrator-agent";
import type { Disk, FileNode } from "./disk.ts";
import type { Descriptors } from "./files.ts";
import type { Dice } from "./random.ts";
import type { Scheduler, Scope } from "./scheduler.ts";
import { readScript, type Script } from "./script.ts";

/** A process of a simulated machine: an agent, a daemon, a command, or what a command left behind. */
export interface OsProcess {
  readonly pid: number;
  readonly pgid: number;
  readonly start: string;
  /** `ORCHESTRATOR_EXEC_ID=…`; empty for what is no command. */
  readonly mark: string;
  readonly exec: ExecName | null;
  readonly deaf: boolean;
  alive: boolean;
  readonly died: ((exit: { code: number | null; signal: string | null }) => void)[];
}

/** Which exec a command belongs to, by its own environment. */
export interface ExecName {
  readonly run_id: string;
  readonly stage_id: string;
  readonly exec_id: string;
  readonly n: number;
}

/** What commands themselves know: they write down when they begin and when they end. */
export interface Evidence {
  began(process: OsProcess, exec: ExecName, machine: string): void;
  ended(process: OsProcess, exec: ExecName, machine: string): void;
  /** How often this command of this stage was begun before. */
  times(exec: ExecName): number;
}

/** The processes of one machine during one boot. Commands belong to the machine: they outlive their agent. */
export class ProcessTable {
  readonly machine: string;
  readonly boot: string;
  readonly scope: Scope;
  readonly living = new Map<number, OsProcess>();
  /** Processes that left their command's group. */
  readonly away = new Set<number>();
  readonly #scheduler: Scheduler;
  readonly #dice: Dice;
  readonly #disk: Disk;
  readonly #evidence: Evidence;
  #pids = 100;

  constructor(
    machine: { readonly name: string; readonly boot: string; readonly scope: Scope; readonly disk: Disk },
    scheduler: Scheduler,
    dice: Dice,
    evidence: Evidence,
  ) {
    this.machine = machine.name;
    this.boot = machine.boot;
    this.scope = machine.scope;
    this.#disk = machine.disk;
    this.#scheduler = scheduler;
    this.#dice = dice;
    this.#evidence = evidence;
  }

  spawn(from: Partial<Pick<OsProcess, "pgid" | "mark" | "exec" | "deaf">>): OsProcess {
    const pid = ++this.#pids;
    const { pgid = pid, mark = "", exec = null, deaf = false } = from;
    const process: OsProcess = { pid, pgid, start: `t${pid}`, mark, exec, deaf, alive: true, died: [] };
    this.living.set(pid, process);
    return process;
  }

  end(process: OsProcess, exit: { code: number | null; signal: string | null }): void {
    if (!process.alive) return;
    process.alive = false;
    this.living.delete(process.pid);
    if (process.exec !== null) this.#evidence.ended(process, process.exec, this.machine);
    for (const fn of process.died) fn(exit);
  }

  /** The machine lost its power. */
  powerOff(): void {
    for (const process of this.living.values()) {
      process.died.length = 0;
      this.end(process, { code: null, signal: "SIGKILL" });
    }
  }

  signal(pgid: number, signal: Signal): void {
    for (const process of this.living.values()) {
      if (process.pgid !== pgid || (signal !== "SIGKILL" && process.deaf)) continue;
      const delay = this.#dice.between(0, signal === "SIGKILL" ? 2 : 20);
      this.#scheduler.after(delay, this.scope, () => this.end(process, { code: null, signal }));
    }
  }

  /** Starts a command. Its files are those that its parent opened, its environment names its exec. */
  run(command: StartCommand, stdout: FileNode): OsProcess {
    const script = readScript(command.args);
    const { env } = command;
    const exec: ExecName = {
      run_id: env.ORCHESTRATOR_RUN_ID ?? "",
      stage_id: env.ORCHESTRATOR_STAGE_ID ?? "",
      exec_id: env.ORCHESTRATOR_EXEC_ID ?? "",
      n: script.n,
    };
    const mark = `ORCHESTRATOR_EXEC_ID=${exec.exec_id}`;
    const before = this.#evidence.times(exec);
    const process = this.spawn({ mark, exec, deaf: script.deaf });
    this.#evidence.began(process, exec, this.machine);
    const fails = before < script.fails;
    const ms = script.ms * (script.exact ? 1 : this.#dice.between(0.8, 1.2));
    this.#write(stdout, script, "begin\n");
    if (script.child_ms > 0) this.#leave(process, script);
    this.#scheduler.after(ms, this.scope, () => {
      if (!process.alive) return;
      const full = !this.#write(stdout, script, `${"x".repeat(script.bytes)}\n`);
      this.#output(script, exec, env.ORCHESTRATOR_OUTPUT ?? "");
      this.end(process, { code: fails || full ? 1 : 0, signal: null });
    });
    return process;
  }

  #leave(parent: OsProcess, script: Script): void {
    const left = this.spawn({
      ...(script.away ? {} : { pgid: parent.pgid }),
      mark: parent.mark,
      exec: parent.exec,
      deaf: script.deaf,
    });
    if (script.away) this.away.add(left.pid);
    this.#scheduler.after(script.child_ms, this.scope, () => this.end(left, { code: 0, signal: null }));
  }

  #write(node: FileNode, { bytes }: Script, text: string): boolean {
    if (bytes === 0) return true;
    if (this.full) return false;
    this.#disk.append(node, Buffer.from(text));
    return true;
  }

  #output({ out }: Script, { stage_id, n }: ExecName, path: string): void {
    const node = out === "none" ? null : this.#disk.file(path);
    if (node === null || this.full) return;
    this.#disk.append(node, Buffer.from(out === "good" ? `from_${n}=${stage_id}\n` : "no name\n"));
  }

  /** The disk takes no more. */
  full = false;
}

/** The agent's view of the processes of its machine. None of them has a keeper. */
export function makeProcesses(
  table: ProcessTable,
  self: OsProcess,
  descriptors: Descriptors,
  agent: {
    readonly scope: Scope;
    readonly scheduler: Scheduler;
    readonly clock: Ports["clock"];
    readonly dice: Dice;
    readonly spawn_fails: number;
  },
): Processes {
  const { scope, scheduler, clock, dice } = agent;
  const processes: Processes = {
    self: { pid: self.pid, uid: 1000, host: table.machine },
    boot: table.boot,
    supervisor: "none",
    start(command) {
      scope.check();
      const { mark, signal } = command;
      const state = { pid: null as number | null, mark, signal, has_ended: false };
      const started = (ended: Promise<Ended>) => ({
        pid: Promise.resolve(state.pid),
        ended,
        end: (why: string, grace: () => number) => endUnkept({ clock, processes }, state, why, grace),
        extend: () => undefined,
      });
      if (dice.chance(agent.spawn_fails)) {
        return started(Promise.resolve({ started: false, code: "EAGAIN", message: "no more processes" }));
      }
      const process = table.run(command, descriptors.node(command.stdout));
      state.pid = process.pid;
      const ended = new Promise<Ended>((resolve) => {
        process.died.push((exit) => {
          scheduler.after(dice.between(0, 1), scope, () => {
            state.has_ended = true;
            resolve({ started: true, exit, usage: null, cut: null });
          });
        });
      });
      return started(ended);
    },
    signal(pgid, signal) {
      scope.check();
      table.signal(pgid, signal);
    },
    mayExist(pgid) {
      scope.check();
      for (const process of table.living.values()) if (process.pgid === pgid) return true;
      return dice.chance(0.1);
    },
    find({ pgids, mark }) {
      scope.check();
      return [...table.living.values()]
        .filter((p) => pgids.includes(p.pgid) || (mark !== null && p.mark === mark))
        .map(({ pid, pgid }) => ({ pid, pgid }));
    },
    startOf(pid) {
      scope.check();
      return table.living.get(pid)?.start ?? null;
    },
  };
  return processes;
}
