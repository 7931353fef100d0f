import type { Held } from "orchestrator-core";
import { backoff, type Link } from "./link.ts";
import { times } from "./options.ts";
import type { Ports } from "./ports.ts";

/** An exec that is held, as its heartbeats see it. */
export interface Beating {
  readonly held: Held;
  readonly taken_at: number;
  readonly lease_ms: number;
  /** Until its lease is over. */
  readonly left_ms: number;
  readonly renew: (sent: number) => void;
}

/**
 * Renews leases. One request is always parked at the daemon, which answers at once when a cancel is due; so a third
 * of a lease passes between two. Execs that were taken since it was sent get another one beside it, which takes its
 * place: a cancel must find them as well. After no answer the next one does not wait, so that leases are renewed as
 * soon as there is a daemon again.
 */
export interface Heartbeats {
  /** Execs were taken. */
  watch(): void;
  close(): void;
}

export interface HeartbeatParts {
  readonly ports: Pick<Ports, "clock" | "random">;
  readonly link: Link;
  readonly agent_id: string;
  readonly held: () => readonly Beating[];
  readonly cancel: (exec_id: string) => void;
  readonly lost: (exec_id: string) => void;
}

const EXECS_MAX = 1_024;
/** After "end these", which is said again until they have ended. */
const TOLD_MS = 1_000;

export function makeHeartbeats(parts: HeartbeatParts): Heartbeats {
  const { ports, link, agent_id } = parts;
  const { clock, random } = ports;
  let parked: ReadonlySet<string> | null = null;
  let failures = 0;
  let not_before = 0;
  let armed = false;
  let closed = false;

  /** When the oldest exec that no parked request speaks for is old enough to be worth one; Infinity: there is none. */
  function due(): number {
    let earliest = Infinity;
    for (const { held, taken_at, lease_ms } of parts.held()) {
      if (parked?.has(held.exec_id)) continue;
      earliest = Math.min(earliest, taken_at + Math.min(times.heartbeat_first_ms, lease_ms / 6));
    }
    return Math.max(earliest, not_before);
  }

  function arm(): void {
    if (armed || closed) return;
    const at = due();
    if (at === Infinity) return;
    armed = true;
    clock.after(Math.max(0, at - clock.now()), () => {
      armed = false;
      // the exec that it was for may have ended meanwhile
      if (due() <= clock.now()) void beat();
      else arm();
    });
  }

  async function beat(): Promise<void> {
    const beating = parts.held().slice(0, EXECS_MAX);
    if (closed || beating.length === 0) return;
    const execs = beating.map(({ held }) => held);
    const speaksFor = new Set(execs.map(({ exec_id }) => exec_id));
    parked = speaksFor;
    const shortest = Math.min(...beating.map(({ lease_ms }) => lease_ms));
    // the answer renews what this request asks for, so it has to be here well before the first of them is over
    const left = Math.max(0, Math.min(...beating.map(({ left_ms }) => left_ms)));
    const wait_ms = failures > 0 ? 0 : Math.floor(Math.min(shortest / 3, left / 2));
    const sent = clock.now();
    not_before = sent + Math.min(times.heartbeat_first_ms, shortest / 6);
    const result = await link.ask(
      "heartbeat",
      { body: { agent_id, execs, wait_ms } },
      wait_ms + Math.max(shortest / 12, 250),
    );
    if (parked === speaksFor) parked = null;
    if (result?.ok === true) {
      failures = 0;
      const { cancel, lost } = result.value;
      const gone = new Set(lost);
      for (const exec of parts.held()) {
        if (speaksFor.has(exec.held.exec_id) && !gone.has(exec.held.exec_id)) exec.renew(sent);
      }
      lost.forEach(parts.lost);
      cancel.forEach(parts.cancel);
      not_before = cancel.length + lost.length > 0 ? clock.now() + Math.min(TOLD_MS, shortest / 6) : 0;
    } else not_before = clock.now() + backoff(failures++, random);
    arm();
  }

  return {
    watch: arm,
    close() {
      closed = true;
    },
  };
}
