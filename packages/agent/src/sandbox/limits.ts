import type { LimitsSpec, Manifest } from "orchestrator-core";

/** How the keeper calls them, and in what units. `CPU` counts whole seconds. */
const kinds: readonly { readonly limit: keyof LimitsSpec; readonly name: string; readonly unit: number }[] = [
  { limit: "cpu_time_ms", name: "cpu_s", unit: 1_000 },
  { limit: "memory_bytes", name: "memory", unit: 1 },
  { limit: "processes", name: "processes", unit: 1 },
  { limit: "file_size_bytes", name: "file", unit: 1 },
  { limit: "open_files", name: "open_files", unit: 1 },
];

/** What the keeper sets before a command starts, as it reads it. */
export function keeperLimits(limits: LimitsSpec, level: "none" | "contained"): string {
  const set = kinds.flatMap(({ limit, name, unit }) => {
    const value = limits[limit];
    return value === null || !isEnforced(limit, level) ? [] : [`${name}=${Math.ceil(value / unit)}`];
  });
  return [...(level === "contained" ? ["core=0"] : []), ...set].join(" ");
}

/** Each limit that was asked for, and whether the operating system held commands to it. */
export const recordLimits = (limits: LimitsSpec, level: "none" | "contained", is_kept: boolean): Manifest["limits"] =>
  kinds.flatMap(({ limit }) => {
    const value = limits[limit];
    return value === null ? [] : [{ limit, value, enforced: is_kept && isEnforced(limit, level) }];
  });

/** The system counts processes of a user: outside of a sandbox that is all that this user has on the machine. */
const isEnforced = (limit: keyof LimitsSpec, level: "none" | "contained"): boolean =>
  limit !== "processes" || level === "contained";
