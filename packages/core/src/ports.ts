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

export const rfc3339 = (wall_ms: number): string => new Date(wall_ms).toISOString();
