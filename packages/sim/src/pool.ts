import { fork } from "node:child_process";
import type { SeedReport } from "./summary.ts";

/** Seeds for child processes, by turns. */
export interface Seeds {
  readonly first: number;
  readonly count: number;
  readonly jobs: number;
  /** The built `worker.js`. */
  readonly worker: URL;
}

export interface Pool {
  /** Every seed that was begun has been reported. */
  readonly ended: Promise<void>;
  /** Begins no further seed. */
  readonly stop: () => void;
}

const HANG_MS = 60_000;

/** V8 compiles plainly and optimises late: most of what a world runs is thrown away with it. Measured, a third less time. */
const V8_FLAGS = ["--always-sparkplug", "--interrupt-budget=1500000"];

/** A child that hangs, or dies, costs its seed, which is reported as a violation, and another takes its place. */
export function runSeeds({ first, count, jobs, worker }: Seeds, each: (report: SeedReport) => void): Pool {
  let next = first;
  let end = first + count;
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const child = fork(worker, { execArgv: V8_FLAGS });
      let seed: number | null = null;
      let watch: NodeJS.Timeout | undefined;
      const give = (): void => {
        clearTimeout(watch);
        seed = next < end ? next++ : null;
        if (seed === null) return child.disconnect();
        watch = setTimeout(() => child.kill("SIGKILL"), HANG_MS);
        child.send({ seed: String(seed) });
      };
      child.on("message", (report: SeedReport) => {
        each(report);
        give();
      });
      // told to one that has just died: its exit says so as well
      child.on("error", () => {});
      child.on("exit", (code, signal) => {
        clearTimeout(watch);
        if (seed === null) return resolve();
        const message = signal === null ? `the process ended with ${code}` : `no end after ${HANG_MS} ms: ${signal}`;
        const violations = [{ checker: "hang", message }];
        each({ seed: String(seed), violations, tail: [], tally: null, sizes: [] });
        resolve(one());
      });
      give();
    });
  return {
    ended: Promise.all(Array.from({ length: jobs }, one)).then(() => {}),
    stop: () => {
      end = next;
    },
  };
}
