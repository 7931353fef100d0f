import type { Scheduler } from "./scheduler.ts";

/** What happened, line by line. The same seed gives the same lines. */
export class Trace {
  readonly lines: string[] = [];
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  say(text: string): void {
    this.lines.push(`${this.#scheduler.now.toFixed(3)} ${text}`);
  }

  tail(count: number): string {
    return this.lines.slice(-count).join("\n");
  }
}
