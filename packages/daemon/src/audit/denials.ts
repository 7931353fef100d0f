import { type Clock, rfc3339 } from "orchestrator-core";
import type { Facts } from "./chain.ts";

/** Who was refused what. */
export interface Denial {
  readonly code: string;
  /** Null: the request named no route of ours. */
  readonly route: string | null;
  /** `role` or `role.name`; null where the token was not known. */
  readonly who: string | null;
  readonly from: string;
  readonly subject?: Readonly<Record<string, unknown>>;
}

const KINDS_MAX = 256;
const WINDOW_MS = 60_000;
const WINDOW_MS_MAX = 3_600_000;

interface Kind {
  readonly denial: Denial;
  window_ms: number;
  until: number;
  count: number;
  since: number;
}

/**
 * A flood of refusals must not fill the disk. The first of a kind (code, route, who, from where) is written at once,
 * the next ones are counted, and their count is written when a window is over: a minute, then two, up to an hour, as
 * long as it goes on. Beyond 256 kinds at a time the rest is one kind.
 */
export function makeDenials(
  clock: Clock,
  write: (facts: Facts, synced: boolean) => Promise<void>,
): { add(denial: Denial): Promise<void>; close(): Promise<void> } {
  const kinds = new Map<string, Kind>();
  let cancel: (() => void) | null = null;

  const settle = (kind: Kind): Promise<void> => {
    const { denial, count, since } = kind;
    kind.count = 0;
    const { subject: _, ...rest } = denial;
    return write({ type: "denied_again", ...rest, count, since: rfc3339(since) }, false);
  };

  function sweep(): void {
    cancel = null;
    for (const [key, kind] of kinds) {
      if (kind.until > clock.now()) continue;
      if (kind.count === 0) {
        kinds.delete(key);
        continue;
      }
      void settle(kind).catch(() => {});
      kind.window_ms = Math.min(kind.window_ms * 2, WINDOW_MS_MAX);
      kind.until = clock.now() + kind.window_ms;
    }
    arm();
  }

  function arm(): void {
    if (cancel === null && kinds.size > 0) cancel = clock.after(WINDOW_MS, sweep);
  }

  return {
    async add(given) {
      let denial = given;
      let key = JSON.stringify([denial.code, denial.route, denial.who, denial.from]);
      if (!kinds.has(key) && kinds.size >= KINDS_MAX) {
        denial = { code: "others", route: null, who: null, from: "several" };
        key = "others";
      }
      const kind = kinds.get(key);
      if (kind !== undefined) {
        if (kind.count === 0) kind.since = clock.wall();
        kind.count++;
        return;
      }
      kinds.set(key, { denial, window_ms: WINDOW_MS, until: clock.now() + WINDOW_MS, count: 0, since: clock.wall() });
      arm();
      await write({ type: "denied", ...denial }, true);
    },
    async close() {
      cancel?.();
      await Promise.all([...kinds.values()].filter(({ count }) => count > 0).map(settle));
    },
  };
}
