import { createHash, randomBytes } from "node:crypto";
import type { Clock, Random } from "orchestrator-core";

export const realClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after: (delay_ms, fn) => {
    const timer = setTimeout(fn, Math.ceil(delay_ms));
    return () => clearTimeout(timer);
  },
};

export const realRandom: Random = (count) => randomBytes(count);

export const realSha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
