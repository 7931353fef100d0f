import { hash, randomBytes } from "node:crypto";
import type { Clock, Random } from "orchestrator-core";

export const realClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after: (delay_ms, fn) => {
    const timer = setTimeout(fn, Math.min(Math.ceil(delay_ms), 0x7fff_ffff));
    return () => clearTimeout(timer);
  },
};

let drawn = Buffer.alloc(0);

/** Drawn for many ids at a time: each draw costs as much as a hundred times its bytes. No byte is given twice. */
export const realRandom: Random = (count) => {
  if (drawn.length < count) drawn = randomBytes(Math.max(count, 4_096));
  const given = drawn.subarray(0, count);
  drawn = drawn.subarray(count);
  return given;
};

export const realSha256 = (text: string): string => hash("sha256", text, "hex");
