import { createHash, randomBytes } from "node:crypto";
import type { Clock, Random } from "orchestrator-core";

export const realClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after: (delay_ms, fn) => {
    const timer = setTimeout(fn, Math.min(Math.ceil(delay_ms), 0x7fff_ffff));
    return () => clearTimeout(timer);
  },
};

export const realRandom: Random = (count) => randomBytes(count);

export const realSha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
