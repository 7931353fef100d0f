/** Where the world begins. Production passes the real ones, the simulator and the tests their own. */

export interface Clock {
  /** Monotonic milliseconds. Only differences mean anything. */
  now(): number;
  /** Wall-clock milliseconds since 1970, for records and ids only. */
  wall(): number;
  /** Calls `fn` once, `delay_ms` from now, unless the returned function is called first. */
  after(delay_ms: number, fn: () => void): () => void;
}

/** `count` random bytes. */
export type Random = (count: number) => Uint8Array;

let second = Number.NaN;
let written = "";

/** Throws a RangeError for what is no time. Most calls are of the same second as the one before. */
export function rfc3339(wall_ms: number): string {
  const at = Math.floor(wall_ms / 1_000);
  if (at !== second) {
    written = new Date(at * 1_000).toISOString().slice(0, -4);
    second = at;
  }
  return `${written}${String(Math.floor(wall_ms - at * 1_000)).padStart(3, "0")}Z`;
}
