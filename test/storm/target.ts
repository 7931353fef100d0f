import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";

/** A fault that was injected, with the time in which it was felt. */
export interface Fault {
  readonly target: string;
  readonly kind: "kill" | "kill at start" | "stop";
  readonly from: number;
  /** When it ran again: it answered, or was continued. */
  to: number;
}

export interface Launched {
  readonly child: ChildProcess;
  /** It works. False: it ended before. */
  readonly ready: Promise<boolean>;
}

/** A process that is killed, stopped and started again. One that ends by itself is written down, and started again. */
export class Target {
  readonly name: string;
  readonly faults: Fault[] = [];
  readonly endedByItself: string[] = [];
  kills = 0;
  kills_at_start = 0;
  stops = 0;
  busy = false;
  readonly #launch: () => Launched;
  #child: ChildProcess | null = null;
  #closed = false;

  constructor(name: string, launch: () => Launched) {
    this.name = name;
    this.#launch = launch;
  }

  /** Until it works. */
  async start(): Promise<void> {
    while (!this.#closed) {
      const { child, ready } = this.#launch();
      this.#child = child;
      child.once("exit", (code, signal) => void this.#ended(child, code, signal));
      if (await ready) return;
      await pause(100);
    }
  }

  async #ended(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    if (this.#child !== child || this.#closed) return;
    this.endedByItself.push(`${this.name} ended by itself with ${code ?? signal}`);
    if (this.busy) return;
    this.busy = true;
    await this.start();
    this.busy = false;
  }

  async #kill(): Promise<void> {
    const child = this.#child;
    // from here on its end is ours
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** Kills it, leaves it dead for a while, and starts it; `at_start`: kills it again after that many milliseconds. */
  async kill(dead_ms: number, at_start: number | null): Promise<void> {
    this.busy = true;
    const fault: Fault = { target: this.name, kind: "kill", from: Date.now(), to: Number.POSITIVE_INFINITY };
    this.faults.push(fault);
    this.kills++;
    await this.#kill();
    await pause(dead_ms);
    if (at_start !== null) {
      const { child } = this.#launch();
      this.#child = child;
      await pause(at_start);
      this.faults.push({ ...fault, kind: "kill at start" });
      this.kills++;
      this.kills_at_start++;
      await this.#kill();
    }
    await this.start();
    for (const felt of this.faults) if (felt.to === Number.POSITIVE_INFINITY) felt.to = Date.now();
    this.busy = false;
  }

  async stop(ms: number): Promise<void> {
    this.busy = true;
    this.stops++;
    const from = Date.now();
    this.#child?.kill("SIGSTOP");
    await pause(ms);
    this.#child?.kill("SIGCONT");
    this.faults.push({ target: this.name, kind: "stop", from, to: Date.now() });
    this.busy = false;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#kill();
  }
}
