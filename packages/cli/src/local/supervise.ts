import type { ChildProcess } from "node:child_process";
import { exitCode } from "orchestrator-core";

/**
 * Keeps one child process alive: started again when it dies, later each time, and no more after an exit that
 * would only come again. Stopping is asked for with SIGTERM; asked twice, it ends at once.
 */
export interface Supervised {
  readonly name: string;
  readonly pid: number | undefined;
  /** Resolves when the child ended and will not be started again. */
  readonly ended: Promise<ChildEnd>;
  /** Asks the child to end, closes its stdin, and resolves when it did. */
  stop(): Promise<ChildEnd>;
  /** Asks the child to end at once. It is not killed: it has processes of its own to end. */
  hurry(): void;
  /** The child may outlive this process. */
  leave(): void;
}

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface SuperviseOptions {
  readonly name: string;
  readonly start: () => ChildProcess;
  /** Whether starting again is of no use after this end. */
  readonly isFinal?: (end: ChildEnd) => boolean;
  readonly onRestart: (end: ChildEnd, delay_ms: number) => void;
  readonly backoff?: Backoff;
}

export interface Backoff {
  readonly first_ms: number;
  readonly max_ms: number;
  /** A child that lived this long begins anew at `first_ms`. */
  readonly steady_ms: number;
}

const BACKOFF: Backoff = { first_ms: 250, max_ms: 30_000, steady_ms: 60_000 };

const FINAL = (["ok", "usage", "invalid", "conflict"] as const).map((name) => exitCode(name));
/** It ended by itself and in order, or would end in the same way again. */
export const endedForGood = ({ code }: ChildEnd): boolean => code !== null && FINAL.includes(code);

/** How long to wait before the next start. */
export function backoffDelay(backoff: Backoff, previous_ms: number | null, lived_ms: number): number {
  if (previous_ms === null || lived_ms >= backoff.steady_ms) return backoff.first_ms;
  return Math.min(previous_ms * 2, backoff.max_ms);
}

export function supervise(options: SuperviseOptions): Supervised {
  const { name, start, isFinal = endedForGood, onRestart, backoff = BACKOFF } = options;
  let child: ChildProcess | null = null;
  let stopping = false;
  let timer: NodeJS.Timeout | null = null;
  let delay_ms: number | null = null;
  let last: ChildEnd = { code: null, signal: null };
  let settle: (end: ChildEnd) => void = () => {};
  const ended = new Promise<ChildEnd>((resolve) => {
    settle = resolve;
  });

  const begin = (): void => {
    timer = null;
    const started_at = performance.now();
    child = start();
    child.on("error", () => {});
    // writing to a child that is gone is no news
    child.stdin?.on("error", () => {});
    child.once("close", (code, signal) => {
      child = null;
      last = { code, signal };
      if (stopping || isFinal(last)) {
        settle(last);
        return;
      }
      delay_ms = backoffDelay(backoff, delay_ms, performance.now() - started_at);
      timer = setTimeout(begin, delay_ms);
      onRestart(last, delay_ms);
    });
  };
  begin();

  return {
    name,
    get pid() {
      return child?.pid;
    },
    ended,
    stop() {
      stopping = true;
      if (timer !== null) {
        clearTimeout(timer);
        settle(last);
      }
      child?.kill("SIGTERM");
      child?.stdin?.end();
      return ended;
    },
    hurry() {
      stopping = true;
      // two signals that do not merge into one: the first asks, the second will not wait
      child?.kill("SIGTERM");
      child?.kill("SIGINT");
    },
    leave() {
      stopping = true;
      child?.stdin?.end();
      child?.unref();
    },
  };
}

/** `exit code 1`, `signal SIGKILL` */
export const endText = ({ code, signal }: ChildEnd): string =>
  code !== null ? `exit code ${code}` : signal !== null ? `signal ${signal}` : "never started";
