import { type Recorded, type RunView, type StageStatus, unreachable } from "orchestrator-core";

/** A run as the person who watches it sees it: made of a view of the run, moved on by its events. For display only. */
export interface RunModel {
  readonly run_id: string;
  readonly name: string;
  seq: number;
  /** Wall-clock ms. */
  readonly began_at: number;
  settled: boolean;
  /** Stages that go on by themselves, and stages that wait for a person. */
  moving: number;
  waiting: number;
  /** In the order of the plan. */
  readonly stages: ReadonlyMap<string, StageLine>;
}

export interface StageLine {
  readonly stage_id: string;
  status: StageStatus;
  /** Wall-clock ms since which it is in this status. */
  since: number;
  /** How long its last exec took, once it ended. */
  took_ms: number | null;
  attempt: number;
  /** Why, in a few words; empty where there is nothing to say. */
  note: string;
  /** A retry is due by itself: the stage does not wait for a person. */
  backing_off: boolean;
}

export function modelOf({ run, seq, stages }: RunView): RunModel {
  const began_at = Date.parse(run.created_at);
  const model: RunModel = {
    run_id: run.run_id,
    name: run.name,
    seq,
    began_at,
    settled: isOver(run.status),
    moving: 0,
    waiting: 0,
    stages: new Map(
      stages.map((stage) => [
        stage.stage_id,
        {
          stage_id: stage.stage_id,
          status: stage.status as StageStatus,
          since: stage.since === null ? began_at : Date.parse(stage.since),
          took_ms: stage.duration_ms,
          attempt: stage.attempt,
          note: noteOf(stage.reason, stage.message),
          backing_off: stage.status === "pending" && stage.execs.length > 0,
        },
      ]),
    ),
  };
  for (const line of model.stages.values()) count(model, line, 1);
  return model;
}

/** As if nothing had happened yet: every event of the run will follow. */
export function blankModelOf(view: RunView): RunModel {
  const model = modelOf(view);
  for (const line of model.stages.values()) {
    Object.assign(line, { status: "pending", since: model.began_at, took_ms: null, attempt: 0, note: "" });
    line.backing_off = false;
  }
  for (const stage of view.stages) {
    // policy's questions are asked by the submit itself, which no later event tells
    if (stage.question?.subject === "exec") model.stages.get(stage.stage_id)!.status = "needs_human";
  }
  Object.assign(model, { seq: 0, settled: false, moving: 0, waiting: 0 });
  for (const line of model.stages.values()) count(model, line, 1);
  return model;
}

export const isOver = (run_status: string): boolean => run_status !== "running" && run_status !== "needs_human";

export const noteOf = (reason: string | null, message: string): string =>
  reason === null ? message : message === "" ? reason : `${reason}: ${message}`;

/** Only a person can move the run on, as far as its events tell. The daemon has the last word. */
export const seemsToWait = ({ moving, waiting }: RunModel): boolean => moving === 0 && waiting > 0;

/** Adds a line to the counts, or takes it out before it changes: no event costs a look at every stage. */
function count(model: RunModel, { status, backing_off }: StageLine, by: 1 | -1): void {
  if (status === "queued" || status === "running" || backing_off) model.moving += by;
  else if (status === "needs_human") model.waiting += by;
}

/** Carries out an event. Returns the line that changed, if one did. */
export function applyEvent(model: RunModel, event: Recorded): StageLine | null {
  if (event.seq <= model.seq) return null;
  model.seq = event.seq;
  if (!("stage_id" in event)) {
    if (event.type === "run_settled") model.settled = true;
    if (event.type === "run_retried") model.settled = false;
    return null;
  }
  const line = model.stages.get(event.stage_id);
  if (line === undefined || event.type === "fail_fast_began") return null;
  count(model, line, -1);
  carryOut(line, event);
  count(model, line, 1);
  return line;
}

type StageEvent = Exclude<Extract<Recorded, { readonly stage_id: string }>, { readonly type: "fail_fast_began" }>;

const LOST = {
  expired: "its time passed",
  agent_restarted: "its agent restarted",
  ended_by_agent: "its agent could not renew it, and ended the commands",
} as const;

function carryOut(line: StageLine, event: StageEvent): void {
  const ran_ms = event.at - line.since;
  const become = (status: StageStatus, note = "", took_ms: number | null = null): void => {
    Object.assign(line, { status, note, took_ms, since: event.at, backing_off: false });
  };
  switch (event.type) {
    case "stage_queued":
      line.attempt = event.attempt;
      return become("queued");
    case "stage_granted":
      return become("running");
    case "stage_handed_back":
      return become(event.next, "handed back by its agent");
    case "lease_lost":
      return become(event.next, `lease lost: ${LOST[event.cause]}`);
    case "exec_succeeded":
      return become("succeeded", "", event.result.duration_ms);
    case "exec_failed": {
      const note = noteOf(event.reason, event.result.message);
      if (event.next !== "retry") return become(event.next, note, event.result.duration_ms);
      become("pending", note, event.result.duration_ms);
      line.backing_off = true;
      return;
    }
    case "gate_reached":
      return become("needs_human", "a person decides this gate");
    case "decided":
      return become(event.next, `${event.decision} by ${event.by.name}${event.note === "" ? "" : `: ${event.note}`}`);
    case "stage_skipped":
      return become("skipped", `requirement_failed: ${event.requirement} did not succeed`);
    case "stage_cancelled":
      return become("cancelled", event.reason, line.status === "running" ? ran_ms : null);
    default:
      return unreachable(event);
  }
}
