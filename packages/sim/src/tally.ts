/** What a world did, counted. A seed that does nothing is no seed. */
export const counted = [
  "runs",
  "stages",
  "execs",
  "commands",
  "commits",
  "requests",
  "leases_expired",
  "stale_reports",
  "crashes",
  "daemon_crashes",
  "agent_crashes",
  "power_cuts",
  "pauses",
  "lost_writes",
  "unknown_commits",
  "conflicts",
  "cancels",
  "gates",
  "asks",
  "lost_lease_questions",
  "retries",
  "run_retries",
  "reexecutions",
  "skips",
  "drops",
  "duplicates",
  "replays",
  "impostors",
  "clock_jumps",
  "disk_faults",
  "incomplete_bundles",
  "fenced_bundles",
  "handed_back",
  "outlived_dead_agent",
] as const;
export type Counted = (typeof counted)[number];

export type Tally = Record<Counted, number>;

export const newTally = (): Tally => Object.fromEntries(counted.map((name) => [name, 0])) as Tally;

export function addTally(into: Tally, other: Tally): void {
  for (const name of counted) into[name] += other[name];
}
