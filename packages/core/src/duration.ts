const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The form of a duration in a workflow file: one or more of `<whole number><unit>`, as in `10m` or `1h30m`. */
export const DURATION_PATTERN = "^([0-9]{1,9}(ms|s|m|h|d))+$";
const DURATION = new RegExp(DURATION_PATTERN);
const DURATION_MAX_MS = 366 * 86_400_000;

/** Milliseconds of a duration, or null where the text is none or is longer than a year. */
export function parseDuration(text: string): number | null {
  if (!DURATION.test(text)) return null;
  let total_ms = 0;
  for (const [, count, unit] of text.matchAll(/([0-9]+)(ms|s|m|h|d)/g)) total_ms += Number(count) * UNITS_MS[unit!]!;
  return total_ms <= DURATION_MAX_MS ? total_ms : null;
}

/** A short form for people: `0.4s`, `12s`, `3m 05s`, `2h 10m`. */
export function formatDuration(ms: number): string {
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${String(seconds % 60).padStart(2, "0")}s`;
  return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, "0")}m`;
}
