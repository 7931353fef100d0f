/**
 * Why we end an exec. `shutdown`: this agent goes. `unrecorded`: what runs could not be written down. The first
 * cause stands; `shutdown` leaves no result of its own, the exec is given up.
 */
export type HaltCause = "cancelled" | "lease_lost" | "timeout" | "idle_timeout" | "shutdown" | "unrecorded";

export interface Halted {
  readonly cause: HaltCause;
  readonly message: string;
}

export interface Halt {
  /** Null: go on. */
  halted(): Halted | null;
  set(cause: HaltCause, message: string): void;
  /** Calls `fn` once, at once where it is halted already, unless the returned function is called first. */
  listen(fn: (halted: Halted) => void): () => void;
}

/** `overdue` is asked as well whenever somebody asks: a timer of a process that was stopped for long fires late. */
export function makeHalt(overdue: () => Halted | null): Halt {
  let halted: Halted | null = null;
  const listeners = new Set<(halted: Halted) => void>();

  function set(cause: HaltCause, message: string): void {
    if (halted !== null) return;
    halted = { cause, message };
    for (const fn of listeners) fn(halted);
    listeners.clear();
  }

  return {
    halted() {
      const late = halted === null ? overdue() : null;
      if (late !== null) set(late.cause, late.message);
      return halted;
    },
    set,
    listen(fn) {
      if (halted !== null) fn(halted);
      else listeners.add(fn);
      return () => listeners.delete(fn);
    },
  };
}
