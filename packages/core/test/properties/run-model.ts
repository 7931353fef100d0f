import type { Decision, FailureReason, Subject, WorkflowSpec } from "orchestrator-core";

/**
 * A run told a second time, as a person would: change one stage, then look over the whole run again and again until
 * nothing follows any more. No events, no counters, no order of propagation. Slow, and short enough to be believed.
 */
export interface ModelStage {
  status: "pending" | "queued" | "running" | "needs_human" | "succeeded" | "failed" | "skipped" | "cancelled";
  subject: Subject | null;
  /** Monotonic ms until which a retry waits. */
  due: number | null;
  deadline: number;
  attempts: number;
  failures: number;
  lost: number;
  readonly asks: boolean;
  released: boolean;
  readonly execs: {
    readonly exec_id: string;
    readonly agent_id: string;
    readonly fence: number;
    outcome: string | null;
  }[];
}

export type ModelAction =
  | {
      readonly do: "grant";
      readonly stage_id: string;
      readonly exec_id: string;
      readonly agent_id: string;
      readonly lease_ms: number;
    }
  | {
      readonly do: "report";
      readonly stage_id: string;
      readonly exec_id: string;
      readonly agent_id: string;
      readonly fence: number;
      readonly report: ModelReport;
    }
  | { readonly do: "expire"; readonly stage_id: string; readonly exec_id: string }
  | { readonly do: "requeue"; readonly stage_id: string }
  | {
      readonly do: "decide";
      readonly stage_id: string;
      readonly subject: Subject;
      readonly decision: Decision;
      readonly rightDigest: boolean;
    }
  | { readonly do: "cancel" }
  | { readonly do: "retry" };

/** `lease_over`: its agent ended it, since it could not renew the lease. */
export type ModelReport = "succeeded" | "failed" | "cancelled" | "denied" | "handed_back" | "lost" | "lease_over";

export const reasonOf: Readonly<Record<"failed" | "cancelled" | "denied" | "lease_over", FailureReason>> = {
  failed: "exit_non_zero",
  cancelled: "cancelled",
  denied: "denied",
  lease_over: "lease_lost",
};

/** How an exec ends whose lease was lost. `expired`: nobody said anything. */
const LOST = ["expired", "lost", "lease_over"];

const SETTLED = ["succeeded", "failed", "skipped", "cancelled"];

export class RunModel {
  readonly stages = new Map<string, ModelStage>();
  status: "running" | "succeeded" | "failed" | "cancelled" = "running";
  stopping: null | "cancelled" | "fail_fast" = null;
  readonly #workflow: WorkflowSpec;

  constructor(workflow: WorkflowSpec, asks: readonly string[]) {
    this.#workflow = workflow;
    for (const stage_id of Object.keys(workflow.stages)) {
      const ask = asks.includes(stage_id);
      this.stages.set(stage_id, {
        status: ask ? "needs_human" : "pending",
        subject: ask ? "exec" : null,
        due: null,
        deadline: 0,
        attempts: 0,
        failures: 0,
        lost: 0,
        asks: ask,
        released: false,
        execs: [],
      });
    }
    this.#follow();
  }

  /** Carries it out, or returns false: refused. A repeat of what was done is carried out once more, to no effect. */
  act(action: ModelAction, now: number): boolean {
    const done = this.#carryOut(action, now);
    if (done) this.#follow();
    return done;
  }

  #carryOut(action: ModelAction, now: number): boolean {
    if (action.do === "cancel") {
      if (this.stopping === "cancelled") return true;
      if (this.status !== "running") return false;
      this.#stop("cancelled");
      return true;
    }
    if (action.do === "retry") return this.#retry();
    const stage = this.stages.get(action.stage_id);
    if (stage === undefined) return false;
    switch (action.do) {
      case "grant": {
        if (stage.status !== "queued" || this.stopping !== null) return false;
        const { exec_id, agent_id } = action;
        stage.execs.push({ exec_id, agent_id, fence: stage.execs.length + 1, outcome: null });
        stage.status = "running";
        stage.deadline = now + action.lease_ms;
        return true;
      }
      case "report":
        return this.#report(action.stage_id, stage, action, now);
      case "expire": {
        const last = stage.execs.at(-1);
        if (stage.status !== "running" || last?.exec_id !== action.exec_id || stage.deadline > now) return false;
        last.outcome = "expired";
        this.#loseLease(action.stage_id, stage);
        return true;
      }
      case "requeue":
        if (stage.status !== "pending" || stage.due === null || stage.due > now) return false;
        stage.due = null;
        return true;
      case "decide":
        return this.#decide(stage, action);
    }
  }

  #report(
    stage_id: string,
    stage: ModelStage,
    { exec_id, agent_id, fence, report }: Extract<ModelAction, { do: "report" }>,
    now: number,
  ): boolean {
    const exec = stage.execs.find((e) => e.exec_id === exec_id);
    if (exec === undefined || exec.agent_id !== agent_id || exec.fence !== fence) return false;
    // said again: the same is welcome, anything else is not
    if (exec.outcome !== null) return exec.outcome === report || (report === "lost" && LOST.includes(exec.outcome));
    exec.outcome = report;
    if (LOST.includes(report)) {
      this.#loseLease(stage_id, stage);
      return true;
    }
    if (report === "handed_back") {
      this.#become(stage, this.stopping === null ? "queued" : "cancelled");
      return true;
    }
    if (report === "succeeded") {
      this.#become(stage, "succeeded");
      return true;
    }
    const spec = this.#exec(stage_id);
    if (this.stopping !== null) {
      this.#become(stage, report === "cancelled" ? "cancelled" : "failed");
      if (report !== "cancelled") stage.failures++;
      return true;
    }
    stage.failures++;
    if (report !== "denied" && stage.failures < spec.retry.attempts_max) {
      this.#become(stage, "pending");
      stage.due = now + spec.retry.backoff_ms;
    } else this.#become(stage, "failed");
    return true;
  }

  #loseLease(stage_id: string, stage: ModelStage): void {
    const spec = this.#exec(stage_id);
    stage.lost++;
    if (this.stopping !== null) this.#become(stage, "cancelled");
    else if (spec.exec.effects === "once") this.#become(stage, "needs_human", "lost_lease");
    else this.#become(stage, stage.lost < spec.leases_lost_max ? "queued" : "failed");
  }

  #decide(stage: ModelStage, { subject, decision, rightDigest }: Extract<ModelAction, { do: "decide" }>): boolean {
    if (stage.status !== "needs_human" || stage.subject !== subject || !rightDigest) return false;
    const choices = subject === "lost_lease" ? ["retry", "mark_succeeded", "mark_failed"] : ["approve", "reject"];
    if (!choices.includes(decision)) return false;
    if (decision === "reject" || decision === "mark_failed") this.#become(stage, "failed");
    else if (decision === "mark_succeeded" || subject === "gate") this.#become(stage, "succeeded");
    else {
      stage.released ||= subject === "exec";
      this.#become(stage, "pending");
    }
    return true;
  }

  #retry(): boolean {
    if (this.status !== "failed" && this.status !== "cancelled") return false;
    this.status = "running";
    this.stopping = null;
    for (const [stage_id, stage] of this.stages) {
      if (stage.status === "succeeded") continue;
      const spec = this.#workflow.stages[stage_id]!;
      const once = spec.kind === "exec" && spec.exec.effects === "once";
      const doubt = once && stage.status === "cancelled" && LOST.includes(stage.execs.at(-1)?.outcome ?? "");
      stage.failures = 0;
      stage.lost = 0;
      if (doubt) this.#become(stage, "needs_human", "lost_lease");
      else if (stage.asks && !stage.released) this.#become(stage, "needs_human", "exec");
      else this.#become(stage, "pending");
    }
    return true;
  }

  #become(stage: ModelStage, status: ModelStage["status"], subject: Subject | null = null): void {
    stage.status = status;
    stage.subject = subject;
    stage.due = null;
  }

  #stop(cause: "cancelled" | "fail_fast"): void {
    this.stopping = cause;
    for (const stage of this.stages.values()) {
      if (stage.status !== "running" && !SETTLED.includes(stage.status)) this.#become(stage, "cancelled");
    }
  }

  /** What follows, until nothing does. */
  #follow(): void {
    for (let again = true; again; ) {
      again = false;
      for (const [stage_id, stage] of this.stages) {
        const waits = stage.status === "pending" || (stage.status === "needs_human" && stage.subject === "exec");
        if (!waits) continue;
        const spec = this.#workflow.stages[stage_id]!;
        const required = spec.requires.map((id) => this.stages.get(id)!.status);
        if (!required.every((status) => SETTLED.includes(status))) continue;
        if (required.some((status) => status !== "succeeded")) {
          this.#become(stage, "skipped");
          again = true;
        } else if (stage.status === "pending" && stage.due === null && this.stopping === null) {
          if (spec.kind === "gate") this.#become(stage, "needs_human", "gate");
          else {
            this.#become(stage, "queued");
            stage.attempts++;
          }
          again = true;
        }
      }
    }
    const all = [...this.stages.values()].map(({ status }) => status);
    if (this.#workflow.fail_fast && this.stopping === null && this.status === "running" && all.includes("failed")) {
      this.#stop("fail_fast");
      return this.#follow();
    }
    if (this.status === "running" && all.every((status) => SETTLED.includes(status))) {
      this.status = this.stopping === "cancelled" ? "cancelled" : all.includes("failed") ? "failed" : "succeeded";
    }
  }

  #exec(stage_id: string) {
    const spec = this.#workflow.stages[stage_id]!;
    if (spec.kind !== "exec") throw new TypeError("a gate runs nothing");
    return spec;
  }
}
