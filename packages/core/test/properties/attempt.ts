import {
  type Action,
  apply,
  type ExecReport,
  makePlan,
  MemoryRun,
  questionDigest,
  type Recorded,
  type Subject,
  transition,
  type WorkflowSpec,
} from "orchestrator-core";
import type { Attempt } from "./arbitrary.ts";
import { type ModelAction, type ModelReport, reasonOf, RunModel } from "./run-model.ts";

const by = { role: "operator", name: "operator" } as const;
const LEASE_MS = 1_000;

/** The real run and the model of it, side by side: the same is tried on both. */
export class Pair {
  now = 0;
  readonly run: MemoryRun;
  readonly model: RunModel;
  readonly events: Recorded[] = [];
  #execs = 0;

  constructor(workflow: WorkflowSpec, asks: readonly string[]) {
    this.run = new MemoryRun("01J00000000000000000000000", makePlan(workflow, "0".repeat(64)));
    this.model = new RunModel(workflow, asks);
    this.#act({ type: "create", run_number: 1, workflow_digest: "1".repeat(64), workspace: "/ws", by, asks });
  }

  /** What both say: carried out, or refused. Null: there was nothing to try. */
  try(attempt: Attempt): { readonly real: boolean; readonly model: boolean } | null {
    const [action, model] = this.#read(attempt) ?? [];
    if (action === undefined || model === undefined) return null;
    return { real: this.#act(action), model: this.model.act(model, this.now) };
  }

  #act(action: Action): boolean {
    const decided = transition(this.run, action, this.now);
    if (!decided.ok) return false;
    for (const event of decided.value) {
      const recorded: Recorded = { ...event, seq: this.run.head.seq + 1, at: 1_000 };
      apply(this.run, recorded, this.now);
      this.events.push(recorded);
    }
    return true;
  }

  #read(attempt: Attempt): readonly [Action, ModelAction] | null {
    const { what, wrong } = attempt;
    const planned = this.run.plan.stages[attempt.stage % this.run.plan.stages.length]!;
    const { stage_id } = planned;
    const stage = this.run.stage(planned.number);
    const exec = stage.execs.at(-1 - attempt.back);
    switch (what) {
      case "wait":
        this.now += attempt.wait_ms;
        return null;
      case "grant": {
        const exec_id = `exec-${++this.#execs}`;
        const agent_id = `a${this.#execs % 2}`;
        const request = { stage_id, exec_id, agent_id, lease_ms: LEASE_MS };
        return [
          { type: "grant", request_id: "r", ...request },
          { do: "grant", ...request },
        ];
      }
      case "report": {
        if (exec === undefined) return null;
        const fence = wrong === "fence" ? exec.fence + 1 : exec.fence;
        const agent_id = wrong === "agent" ? "nobody" : exec.agent_id;
        const holder = { stage_id, exec_id: exec.exec_id, fence, agent_id };
        return [
          { type: "complete", ...holder, report: reportOf(attempt.report, exec.exec_id) },
          { do: "report", ...holder, report: attempt.report },
        ];
      }
      case "expire": {
        if (exec === undefined) return null;
        const held = { stage_id, exec_id: exec.exec_id };
        return [
          { type: "expire", ...held },
          { do: "expire", ...held },
        ];
      }
      case "requeue":
        return [
          { type: "requeue", stage_id },
          { do: "requeue", stage_id },
        ];
      case "decide": {
        // whether a decision that was taken is welcome a second time is told in a story of its own
        if (stage.state.status !== "needs_human") return null;
        const subject: Subject = wrong === "subject" ? "lost_lease" : stage.state.subject;
        const { decision } = attempt;
        const rightDigest = wrong !== "digest";
        const digest = rightDigest ? questionDigest(this.run, stage, stage.state.subject) : "other";
        return [
          { type: "decide", stage_id, subject, decision, digest, note: "", by },
          { do: "decide", stage_id, subject, decision, rightDigest },
        ];
      }
      case "cancel":
        return [{ type: "cancel", by, note: "" }, { do: "cancel" }];
      case "retry":
        return [{ type: "retry", by }, { do: "retry" }];
    }
  }
}

function reportOf(report: ModelReport, exec_id: string): ExecReport {
  if (report === "handed_back" || report === "lost") return { kind: report };
  const result = {
    manifest_sha256: `${report} ${exec_id}`,
    exits: [],
    outputs: {},
    started_at: null,
    duration_ms: 1,
    message: "",
    sandbox: "none" as const,
  };
  if (report === "succeeded") return { kind: "ended", outcome: "succeeded", result };
  const outcome = report === "cancelled" ? "cancelled" : "failed";
  return { kind: "ended", outcome, reason: reasonOf[report], result };
}
