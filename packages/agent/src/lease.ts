import type { Ports } from "./ports.ts";
import { leaseDeadline } from "./options.ts";

/**
 * How long the agent may trust that a job is its own. The daemon counts from when it heard us, we count from when we
 * spoke, and stop a margin earlier: so whatever the network did, ours ends first.
 */
export interface Lease {
  readonly lease_ms: number;
  readonly isOver: () => boolean;
  /** Milliseconds until it is. */
  readonly left: () => number;
  /** A heartbeat sent then was answered, and the exec was not among the lost. */
  readonly renew: (sent: number) => void;
  /** Calls `fn` whenever it was renewed, with the milliseconds left, until the returned function is called. */
  readonly renewals: (fn: (left_ms: number) => void) => () => void;
  /** Calls `fn` when it is over, however often it is renewed before. */
  readonly watch: (fn: () => void) => void;
  readonly close: () => void;
}

export function makeLease(clock: Ports["clock"], sent: number, lease_ms: number): Lease {
  let deadline = leaseDeadline(sent, lease_ms);
  let clear = (): void => undefined;
  const listeners = new Set<(left_ms: number) => void>();
  const left = (): number => deadline - clock.now();
  return {
    lease_ms,
    isOver: () => clock.now() >= deadline,
    left,
    renew(sent_again) {
      deadline = Math.max(deadline, leaseDeadline(sent_again, lease_ms));
      for (const fn of listeners) fn(left());
    },
    renewals(fn) {
      listeners.add(fn);
      return () => listeners.delete(fn);
    },
    watch(fn) {
      const wait = (): void => {
        clear = clock.after(Math.max(1, deadline - clock.now()), () => (clock.now() >= deadline ? fn() : wait()));
      };
      wait();
    },
    close: () => clear(),
  };
}
