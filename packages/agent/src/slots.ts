import type { Completion, Grant, Report } from "orchestrator-core";
import { hasProperIds } from "./check/grant.ts";
import { type Halt, makeHalt } from "./exec/halt.ts";
import type { Beating } from "./heartbeats.ts";
import type { HeldFiles } from "./held.ts";
import { type Lease, makeLease } from "./lease.ts";
import { errorText, type Log } from "./log.ts";
import { times } from "./options.ts";
import type { Ports } from "./ports.ts";
import { completionOf } from "./reports.ts";
import type { Tuning } from "./tuning.ts";

/**
 * The execs that this agent holds: waiting for a slot, running, or ended and not yet answered for. None is forgotten
 * before its report was answered, or the daemon said that it is lost before it began.
 */
export interface Slots {
  readonly take: (grants: readonly Grant[], sent: number) => void;
  readonly free: () => number;
  readonly running: () => number;
  /** Execs not ended: waiting or running. */
  readonly open: () => number;
  readonly beating: () => readonly Beating[];
  readonly cancel: (exec_id: string) => void;
  readonly lost: (exec_id: string) => void;
  /** Its report was answered. */
  readonly forget: (exec_id: string) => void;
  /** From now on nothing begins: what waits, and what still comes, is handed back. */
  readonly closeDoor: () => void;
  /** Ends what runs, to be reported as lost. */
  readonly giveUp: (message: string) => void;
  /** No lease of an unanswered exec is left that could be lost by going. */
  readonly leasesAreOver: () => boolean;
}

export interface SlotParts {
  readonly ports: Pick<Ports, "clock">;
  readonly log: Log;
  readonly held: HeldFiles;
  readonly tuning: Tuning;
  readonly slots: number;
  readonly run: (grant: Grant, halt: Halt, lease: Lease) => Promise<Report>;
  readonly report: (completion: Completion) => void;
  /** Something was taken, began or ended. */
  readonly changed: () => void;
}

interface HeldExec {
  readonly grant: Grant;
  readonly lease: Lease;
  readonly halt: Halt;
  readonly taken_at: number;
  state: "waiting" | "running" | "ended";
}

export function makeSlots(parts: SlotParts): Slots {
  const { log, held, tuning } = parts;
  const { clock } = parts.ports;
  const execs = new Map<string, HeldExec>();
  const waiting: HeldExec[] = [];
  /** Cancelled before their grant was here: an answer may overtake another. */
  const cancelled = new Set<string>();
  /** Not taken any more, and handed back. Two answers to the same request may both hold a grant. */
  const refused = new Map<string, Lease>();
  let running = 0;
  let open = true;
  let clearQueue = (): void => undefined;

  function take(grants: readonly Grant[], sent: number): void {
    // a report may ask for more jobs, so all of these are placed first
    const notTaken = grants.flatMap((grant) => takeOne(grant, sent) ?? []);
    startWaiting();
    notTaken.forEach(parts.report);
  }

  /** What there is to report at once; null where it was taken. */
  function takeOne(grant: Grant, sent: number): Completion | null {
    const { exec_id, run_id, stage_id } = grant;
    if (!hasProperIds(grant)) {
      log.error("grant_refused", { exec_id, run_id, stage_id });
      return null;
    }
    if (execs.has(exec_id) || refused.has(exec_id)) return null;
    const lease = makeLease(clock, sent, grant.lease_ms);
    // counted from when we asked, which for a parked claim can be long ago
    if (!open || lease.isOver() || cancelled.delete(exec_id)) {
      if (!open) refused.set(exec_id, lease);
      return completionOf(grant, { kind: "handed_back" });
    }
    const overdue = () => (lease.isOver() ? LEASE_LOST : null);
    const exec: HeldExec = { grant, lease, halt: makeHalt(overdue), taken_at: clock.now(), state: "waiting" };
    try {
      held.hold(grant);
    } catch (error) {
      const message = `the grant could not be written down: ${errorText(error)}`;
      log.error("grant_unrecorded", { exec_id, message });
      return completionOf(grant, { kind: "no_bundle", message });
    }
    execs.set(exec_id, exec);
    waiting.push(exec);
    return null;
  }

  function startWaiting(): void {
    clearQueue();
    while (running < parts.slots) {
      const exec = waiting.shift();
      if (exec === undefined) break;
      void start(exec);
    }
    const [oldest] = waiting;
    if (oldest !== undefined) {
      clearQueue = clock.after(oldest.taken_at + times.queue_ms_max - clock.now(), handBackLate);
    }
    parts.changed();
  }

  async function start(exec: HeldExec): Promise<void> {
    const { grant, lease, halt } = exec;
    exec.state = "running";
    running++;
    lease.watch(() => halt.set(LEASE_LOST.cause, LEASE_LOST.message));
    log.info("exec_began", { run_id: grant.run_id, stage_id: grant.stage_id, exec_id: grant.exec_id });
    const begun = clock.now();
    const report = await parts.run(grant, halt, lease);
    running--;
    tuning.stageTook(clock.now() - begun);
    end(exec, report);
    // first the request goes out, then the next command starts: starting one blocks this thread
    clock.after(0, startWaiting);
  }

  function end(exec: HeldExec, report: Report): void {
    exec.state = "ended";
    exec.lease.close();
    parts.report(completionOf(exec.grant, report));
  }

  function handBack(exec: HeldExec): void {
    waiting.splice(waiting.indexOf(exec), 1);
    end(exec, { kind: "handed_back" });
  }

  function handBackLate(): void {
    const late = clock.now() - times.queue_ms_max;
    for (const exec of waiting.filter(({ taken_at }) => taken_at <= late)) {
      // the slots are busy for longer than was thought
      tuning.stageTook(times.queue_ms_max);
      handBack(exec);
    }
    startWaiting();
  }

  function forget(exec_id: string): void {
    execs.delete(exec_id);
    refused.delete(exec_id);
    parts.changed();
  }

  return {
    take,
    free: () => (open ? parts.slots - running - waiting.length : 0),
    running: () => running,
    open: () => running + waiting.length,
    beating: () =>
      [...execs.values()].map(({ grant, lease, taken_at }) => ({
        held: { run_id: grant.run_id, stage_id: grant.stage_id, exec_id: grant.exec_id, fence: grant.fence },
        taken_at,
        lease_ms: lease.lease_ms,
        left_ms: lease.left(),
        renew: lease.renew,
      })),
    cancel(exec_id) {
      const exec = execs.get(exec_id);
      if (exec === undefined) cancelled.add(exec_id);
      else if (exec.state === "waiting") handBack(exec);
      else if (exec.state === "running") exec.halt.set("cancelled", "the run is being cancelled");
    },
    lost(exec_id) {
      const exec = execs.get(exec_id);
      if (exec?.state === "waiting") handBack(exec);
      else if (exec?.state === "running") exec.halt.set("lease_lost", "the daemon took the lease back");
    },
    forget,
    closeDoor() {
      open = false;
      clearQueue();
      while (waiting.length > 0) handBack(waiting[0]!);
      parts.changed();
    },
    giveUp(message) {
      for (const { state, halt } of execs.values()) if (state === "running") halt.set("shutdown", message);
    },
    leasesAreOver: () =>
      [...[...execs.values()].map(({ lease }) => lease), ...refused.values()].every((lease) => lease.isOver()),
  };
}

const LEASE_LOST = { cause: "lease_lost", message: "the lease was over before it could be renewed" } as const;
