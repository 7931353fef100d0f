import type { Recorded } from "orchestrator-core";

/**
 * What must hold of a run's events, whatever crashed: the crash points and the storm hold what happened against it.
 * Each breach is a sentence.
 */
export interface History {
  readonly run_id: string;
  readonly events: readonly Recorded[];
  /** By stage: what it requires. */
  readonly requires: ReadonlyMap<string, readonly string[]>;
}

/** What somebody was told, so that it must be in the store for ever. */
export type Ack =
  | { readonly kind: "submitted"; readonly run_id: string; readonly key: string }
  | {
      readonly kind: "granted" | "reported";
      readonly run_id: string;
      readonly stage_id: string;
      readonly exec_id: string;
    }
  | { readonly kind: "decided"; readonly run_id: string; readonly stage_id: string; readonly decision: string }
  | { readonly kind: "cancelled" | "retried"; readonly run_id: string }
  | {
      readonly kind: "shown";
      readonly run_id: string;
      readonly seq: number;
      readonly statuses: Readonly<Record<string, string>>;
    }
  | { readonly kind: "event"; readonly run_id: string; readonly event: Recorded };

const ENDED = new Set(["succeeded", "failed", "skipped", "cancelled"]);
const EXEC_ENDS = new Set(["exec_succeeded", "exec_failed", "lease_lost", "stage_handed_back"]);

/** The status that an event leaves its own stage in. Null: it has no stage. */
function statusAfter(event: Recorded): string | null {
  switch (event.type) {
    case "stage_queued":
      return "queued";
    case "stage_granted":
      return "running";
    case "exec_succeeded":
      return "succeeded";
    case "stage_skipped":
      return "skipped";
    case "stage_cancelled":
      return "cancelled";
    case "gate_reached":
      return "needs_human";
    case "exec_failed":
      return event.next === "retry" ? "pending" : event.next;
    case "stage_handed_back":
    case "lease_lost":
    case "decided":
      return event.next;
    case "run_created":
    case "cancel_requested":
    case "fail_fast_began":
    case "run_retried":
    case "run_settled":
      return null;
  }
}

const stageOf = (event: Recorded): string => ("stage_id" in event ? event.stage_id : "");

/** The status of every stage after each event, in a form of its own: nothing here is the product's code. */
export class Fold {
  readonly statuses = new Map<string, string>();

  constructor(requires: History["requires"]) {
    for (const stage_id of requires.keys()) this.statuses.set(stage_id, "pending");
  }

  step(event: Recorded): void {
    if (event.type === "run_created") for (const stage_id of event.asks) this.statuses.set(stage_id, "needs_human");
    if (event.type === "run_retried") {
      for (const [stage_id, status] of this.statuses) {
        if (status !== "succeeded") this.statuses.set(stage_id, "pending");
      }
    }
    const status = statusAfter(event);
    if (status !== null) this.statuses.set(stageOf(event), status);
  }
}

/** Order, fences, single success, no start before what is required, nothing settled that moves again by itself. */
export function breachesOf({ run_id, events, requires }: History): string[] {
  const found: string[] = [];
  const fences = new Map<string, number>();
  const open = new Set<string>();
  const known = new Set<string>();
  const { statuses, step } = bind(new Fold(requires));
  let settled = false;
  let stopping = false;
  for (const [i, event] of events.entries()) {
    const say = (what: string): void => void found.push(`${run_id} event ${event.seq} (${event.type}): ${what}`);
    const stage_id = stageOf(event);
    if (event.seq !== i + 1) say(`stands at place ${i + 1}`);
    if (settled && event.type !== "run_retried") say("follows the run's end");
    if (statusAfter(event) !== null && ENDED.has(statuses.get(stage_id) ?? "")) say(`${stage_id} had settled`);
    if (event.type === "stage_granted") {
      if (event.fence !== (fences.get(stage_id) ?? 0) + 1)
        say(`fence ${event.fence} after ${fences.get(stage_id) ?? 0}`);
      if (stopping) say(`${stage_id} was granted in a run that is stopping`);
      if (known.has(event.exec_id)) say(`exec ${event.exec_id} was granted before`);
      for (const required of requires.get(stage_id) ?? []) {
        if (statuses.get(required) !== "succeeded") say(`${stage_id} began, and ${required} had not succeeded`);
      }
      fences.set(stage_id, event.fence);
      open.add(event.exec_id);
      known.add(event.exec_id);
    }
    if (EXEC_ENDS.has(event.type) && "exec_id" in event && !open.delete(event.exec_id))
      say(`${event.exec_id} was not open`);
    step(event);
    if (event.type === "run_retried") stopping = false;
    if (event.type === "cancel_requested" || event.type === "fail_fast_began") stopping = true;
    settled = event.type === "run_settled" || (settled && event.type !== "run_retried");
  }
  return found;
}

function bind(fold: Fold): { statuses: Fold["statuses"]; step: (event: Recorded) => void } {
  return { statuses: fold.statuses, step: (event) => fold.step(event) };
}

/** Stages that succeeded more often than once: must be empty. */
export function doubleSuccesses({ run_id, events }: History): string[] {
  const seen = new Set<string>();
  return events.flatMap((event) => {
    if (statusAfter(event) !== "succeeded") return [];
    const stage_id = stageOf(event);
    if (!seen.has(stage_id)) {
      seen.add(stage_id);
      return [];
    }
    return [`${run_id}/${stage_id} succeeded again at event ${event.seq}`];
  });
}

/** Acknowledgements that are not in the store. */
export function lostOf(acks: readonly Ack[], histories: ReadonlyMap<string, History>): string[] {
  const lost: string[] = [];
  const keys = new Map<string, string>();
  const counts = new Map<string, number>();
  for (const ack of acks) {
    const history = histories.get(ack.run_id);
    const events = history?.events ?? [];
    const has = (test: (event: Recorded) => boolean): boolean => events.some(test);
    const say = (): void => void lost.push(`acknowledged and not in the store: ${JSON.stringify(ack).slice(0, 300)}`);
    switch (ack.kind) {
      case "submitted":
        if (!has(({ type }) => type === "run_created") || (keys.get(ack.key) ?? ack.run_id) !== ack.run_id) say();
        keys.set(ack.key, ack.run_id);
        break;
      case "granted":
        if (!has((e) => e.type === "stage_granted" && e.exec_id === ack.exec_id)) say();
        break;
      case "reported":
        if (!has((e) => EXEC_ENDS.has(e.type) && "exec_id" in e && e.exec_id === ack.exec_id)) say();
        break;
      case "decided":
        if (!has((e) => e.type === "decided" && e.stage_id === ack.stage_id && e.decision === ack.decision)) say();
        break;
      case "cancelled":
        if (!has(({ type }) => type === "cancel_requested")) say();
        break;
      case "retried": {
        const asked = (counts.get(ack.run_id) ?? 0) + 1;
        counts.set(ack.run_id, asked);
        if (events.filter(({ type }) => type === "run_retried").length < asked) say();
        break;
      }
      case "event":
        if (JSON.stringify(events[ack.event.seq - 1]) !== JSON.stringify(ack.event)) say();
        break;
      case "shown":
        if (history === undefined || !isAsShown(history, ack.seq, ack.statuses)) say();
        break;
    }
  }
  return lost;
}

/** A view says after which event it was rendered, so it must be what the first `seq` events come to. */
function isAsShown(history: History, seq: number, statuses: Readonly<Record<string, string>>): boolean {
  if (history.events.length < seq) return false;
  const fold = new Fold(history.requires);
  for (const event of history.events.slice(0, seq)) fold.step(event);
  return Object.entries(statuses).every(([stage_id, status]) => fold.statuses.get(stage_id) === status);
}

/** Views of one client and run, in the order in which they came: none may show less than the one before. */
export function takenBack(acks: readonly Ack[]): string[] {
  const seen = new Map<string, number>();
  return acks.flatMap((ack) => {
    if (ack.kind !== "shown") return [];
    const before = seen.get(ack.run_id) ?? 0;
    seen.set(ack.run_id, Math.max(before, ack.seq));
    return ack.seq < before ? [`${ack.run_id} was shown at ${before} and later at ${ack.seq}`] : [];
  });
}
