import { addTally, type Counted, newTally, type Tally } from "./tally.ts";

/** What a worker says of one seed. */
export interface SeedReport {
  readonly seed: string;
  readonly violations: readonly { readonly checker: string; readonly message: string }[];
  readonly tail: readonly string[];
  /** Null: the world did not come to its end. */
  readonly tally: Tally | null;
  readonly sizes: readonly number[];
}

export interface Summary {
  readonly tally: Tally;
  readonly sizes: number[];
  readonly failed: string[];
  seeds: number;
}

export const newSummary = (): Summary => ({ tally: newTally(), sizes: [], failed: [], seeds: 0 });

/** A world that makes few of these tests little: at least so many per 1,000 seeds. */
const WANTED_PER_1000 = 100;
const WANTED: readonly Counted[] = [
  "leases_expired",
  "stale_reports",
  "crashes",
  "lost_writes",
  "unknown_commits",
  "cancels",
  "gates",
  "retries",
];
const MEDIAN_STAGES = 20;
/** Fewer seeds say nothing about how often something happens. */
const SEEDS_MIN = 200;

export function noteOutcome(summary: Summary, { seed, violations, tail, tally, sizes }: SeedReport): void {
  summary.seeds++;
  if (tally !== null) addTally(summary.tally, tally);
  summary.sizes.push(...sizes);
  if (violations.length === 0) return;
  summary.failed.push(seed);
  process.stdout.write(`\n${tail.join("\n")}\n`);
  for (const { checker, message } of violations) process.stdout.write(`violation ${checker}: ${message}\n`);
  process.stdout.write(`repeat it with: npm run sim -- --seed ${seed}\n`);
}

const medianOf = (sizes: readonly number[]): number => [...sizes].sort((a, b) => a - b)[sizes.length >> 1] ?? 0;

/** What was made too seldom. */
export function thin({ tally, sizes, seeds }: Summary): string[] {
  if (seeds < SEEDS_MIN) return [];
  const seldom = WANTED.filter((name) => (tally[name] / seeds) * 1_000 < WANTED_PER_1000).map(
    (name) => `${name}: ${Math.round((tally[name] / seeds) * 1_000)} per 1,000 seeds, wanted ${WANTED_PER_1000}`,
  );
  const median = medianOf(sizes);
  return median < MEDIAN_STAGES ? [...seldom, `stages: the median run has ${median}, wanted ${MEDIAN_STAGES}`] : seldom;
}

/** A line while it runs. */
export function progressText({ failed, seeds }: Summary, count: number, seconds: number): string {
  return `${seeds} of ${count} seeds, ${(seeds / seconds).toFixed(1)} seeds/s, ${failed.length} with violations\n`;
}

export function summaryText({ tally, sizes, failed, seeds }: Summary, seconds: number): string {
  const rows = Object.entries(tally).map(
    ([name, count]) =>
      `  ${name.padEnd(22)} ${String(count).padStart(9)} ${String(Math.round((count / seeds) * 1_000)).padStart(9)}`,
  );
  const rate = `${seeds} seeds in ${seconds.toFixed(1)} s, ${(seeds / seconds).toFixed(1)} seeds/s`;
  return [
    "",
    `  ${"".padEnd(22)} ${"in all".padStart(9)} ${"per 1,000".padStart(9)}`,
    ...rows,
    `  median run: ${medianOf(sizes)} stages`,
    failed.length === 0
      ? `ok: ${rate}, no violation`
      : `FAILED: ${failed.length} of ${rate}: ${failed.slice(0, 20).join(" ")}`,
    "",
  ].join("\n");
}
