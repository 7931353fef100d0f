/** How often something may happen: `burst` times at once, `per_s` times a second in the long run. */
export interface Rate {
  readonly burst: number;
  readonly per_s: number;
}

const KEYS_MAX = 1_000;

/** Token buckets by key. Where there are too many keys the oldest begins anew. */
export function makeBuckets({ burst, per_s }: Rate, now: () => number): (key: string) => boolean {
  const buckets = new Map<string, { level: number; at: number }>();
  return (key) => {
    const at = now();
    const bucket = buckets.get(key) ?? { level: burst, at };
    bucket.level = Math.min(burst, bucket.level + ((at - bucket.at) / 1_000) * per_s);
    bucket.at = at;
    buckets.delete(key);
    buckets.set(key, bucket);
    for (const oldest of buckets.keys()) {
      if (buckets.size <= KEYS_MAX) break;
      buckets.delete(oldest);
    }
    if (bucket.level < 1) return false;
    bucket.level -= 1;
    return true;
  };
}
