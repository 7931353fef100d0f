import type { SeedReport } from "./summary.ts";
import { simulate } from "./simulate.ts";

/** A child of `pool.ts`: one seed after the other, as it is told. */
const TAIL_LINES = 60;
/** Every so many seeds run twice, and their traces are compared. */
const TWICE_EVERY = 25;

// Ctrl-C is meant for the parent, which lets us finish
process.on("SIGINT", () => {});

process.on("message", ({ seed }: { seed: string }) => {
  void (async () => {
    const { violations, tally, sizes, trace } = await simulate(seed);
    const failures = violations.map(({ checker, message }) => ({ checker, message }));
    if (Number(seed) % TWICE_EVERY === 0 && failures.length === 0) {
      const again = await simulate(seed);
      if (again.trace.join("\n") !== trace.join("\n")) {
        failures.push({ checker: "determinism", message: "the second run of this seed has another trace" });
      }
    }
    const tail = failures.length > 0 ? trace.slice(-TAIL_LINES) : [];
    const report: SeedReport = { seed, violations: failures, tail, tally, sizes };
    process.send?.(report);
  })();
});
