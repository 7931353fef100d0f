import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { runSeeds } from "../src/pool.ts";

/** Reports its seed and, if that is odd, is killed at once. `tail` says who it was. */
const WORKER = `process.on("message", ({ seed }) => {
  process.send({ seed, violations: [], tail: [String(process.pid)], tally: null, sizes: [] }, () => {
    if (Number(seed) % 2 === 1) process.kill(process.pid, "SIGKILL");
  });
});
`;

function isDead(pid: string): boolean {
  try {
    return /^\S+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}

test("a child that is dead when it is told its next seed costs that seed, which is reported, and no more", async () => {
  const worker = join(mkdtempSync(join(tmpdir(), "pool-")), "worker.mjs");
  writeFileSync(worker, WORKER);
  const reported: string[] = [];
  const pool = runSeeds(
    { first: 1, count: 6, jobs: 1, worker: pathToFileURL(worker) },
    ({ seed, violations, tail }) => {
      reported.push(`${seed} ${violations.length}`);
      // the pool hears of the death only when this returns, and has told the next seed by then
      if (violations.length === 0 && Number(seed) % 2 === 1) while (!isDead(tail[0]!));
    },
  );
  await pool.ended;
  expect(reported).toEqual(["1 0", "2 1", "3 0", "4 1", "5 0", "6 1"]);
});
