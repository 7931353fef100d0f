import type { Frozen, Why } from "../api/contract.ts";
import { formatDuration } from "../duration.ts";
import { unreachable } from "../result.ts";
import { type AgentReach, hasLabels, mayTake } from "./reach.ts";
import { readiness } from "./readiness.ts";
import { cancelIsDue, type Run, type StageRun } from "./run.ts";

/** What `why` needs to know of the world around a run. */
export interface WhyContext {
  /** Monotonic ms. */
  readonly now: number;
  /** The agents heard of lately, with their labels. */
  readonly agents: readonly (AgentReach & { readonly agent_id: string })[];
  /** Leasing stands still. */
  readonly frozen?: Frozen | null;
}

/** Why a stage is in the state that it is in: asks the scheduler's own function, so the two cannot disagree. */
export function why(run: Run, number: number, context: WhyContext): Why {
  const stage = run.stage(number);
  const { state } = stage;
  const { stage_id, spec } = run.plan.stages[number]!;
  const say = (summary: string, because: Why["because"] = [], hint: string | null = null): Why => ({
    status: state.status,
    summary,
    because,
    hint,
  });
  switch (state.status) {
    case "pending":
      return pending(run, stage, say, context);
    case "queued": {
      if (context.frozen) {
        const text = frozenText(context.frozen);
        return say(`it is queued, and ${text}`, [{ kind: "frozen", text }], "orchestrator unfreeze");
      }
      const labels = spec.kind === "exec" ? spec.labels : [];
      const { workspace } = run.head;
      const able = context.agents.filter((agent) => mayTake(agent, labels, workspace));
      if (context.agents.length === 0)
        return say("it is queued, and no agent asks for work", [], "start one: orchestrator up");
      if (able.length === 0) {
        const none = `it is queued, and none of ${context.agents.length} agents`;
        if (context.agents.some((agent) => hasLabels(agent, labels))) {
          const hint = "start an agent with a --workspace-root above it";
          return say(`${none} may enter the workspace ${workspace}`, [{ kind: "workspace", text: workspace }], hint);
        }
        return say(
          `${none} has the labels ${labels.join(", ")}`,
          labels.map((label) => ({ kind: "label", text: label })),
        );
      }
      return say(
        `it is queued and waits for a free slot of ${able.map((agent) => agent.agent_id).join(", ")}`,
        able.map((agent) => ({ kind: "agent", text: agent.agent_id })),
      );
    }
    case "running": {
      const left = formatDuration(Math.max(0, state.lease_deadline - context.now));
      const told = cancelIsDue(run, stage) ? "; its agent is told to end it" : "";
      return say(
        `agent ${state.agent_id} holds it as exec ${state.exec_id}; its lease ends in ${left} unless renewed${told}`,
      );
    }
    case "needs_human": {
      const unmet = requirements(run, number);
      switch (state.subject) {
        case "gate":
          return say(
            "a person decides this gate",
            [{ kind: "gate", stage_id, text: spec.kind === "gate" ? spec.message : "" }],
            `orchestrator approve ${run.run_id} ${stage_id}`,
          );
        case "exec":
          return say(
            "policy wants a person to approve its commands",
            [{ kind: "approval", stage_id, text: "nothing of it runs before" }, ...unmet],
            `orchestrator approve ${run.run_id} ${stage_id}`,
          );
        case "lost_lease":
          return say(
            "its lease was lost, and `effects: once` forbids to run it again by itself",
            [
              {
                kind: "lost_lease",
                stage_id,
                text: `exec ${stage.execs.at(-1)?.exec_id ?? ""} may have done its work`,
              },
            ],
            `orchestrator approve ${run.run_id} ${stage_id} --as retry|mark_succeeded|mark_failed`,
          );
        default:
          return unreachable(state.subject);
      }
    }
    case "succeeded":
      if (state.exec_id === null) return say(`approved by ${stage.approval?.by.name ?? "a person"}`);
      return say(
        stage.approval?.decision === "mark_succeeded"
          ? `marked as succeeded by ${stage.approval.by.name}`
          : `exec ${state.exec_id} succeeded`,
      );
    case "failed":
      return say(
        `${state.reason}: ${state.message === "" ? "see its logs" : state.message}`,
        [{ kind: "reason", text: state.reason }],
        state.exec_id === null ? null : `orchestrator logs ${run.run_id} ${stage_id}`,
      );
    case "skipped":
      return say(`it requires ${state.requirement}, which did not succeed`, [
        { kind: "requirement", stage_id: state.requirement, text: statusOf(run, state.requirement) },
      ]);
    case "cancelled": {
      const { stopping } = run.head;
      if (state.reason === "fail_fast") {
        const failed = stopping?.cause === "fail_fast" ? stopping.stage_id : "a stage";
        return say(`${failed} failed, and the workflow says fail_fast`);
      }
      const by = stopping?.cause === "cancelled" ? ` by ${stopping.by.name}` : "";
      return say(`the run was cancelled${by}`);
    }
    default:
      return unreachable(state);
  }
}

/** `leasing is frozen by NAME since TIME`, and the reason that was given. */
export const frozenText = ({ by, at, note }: Frozen): string =>
  `leasing is frozen by ${by.name} since ${at}${note === "" ? "" : `: ${note}`}`;

function pending(
  run: Run,
  stage: StageRun,
  say: (summary: string, because?: Why["because"], hint?: string | null) => Why,
  { now }: WhyContext,
): Why {
  const ready = readiness(run, stage.number);
  switch (ready.kind) {
    case "waits":
      switch (ready.for) {
        case "requirements": {
          const unmet = requirements(run, stage.number);
          const named = unmet.slice(0, 5).map(({ stage_id, text }) => `${stage_id} (${text})`);
          const more = unmet.length > 5 ? ` and ${unmet.length - 5} more` : "";
          return say(`it waits for ${named.join(", ")}${more}`, unmet);
        }
        case "backoff": {
          const due = stage.state.status === "pending" ? (stage.state.due ?? now) : now;
          return say(
            `attempt ${stage.jobs.length} failed; it is tried again in ${formatDuration(Math.max(0, due - now))}`,
          );
        }
        case "approval":
          return say("policy wants a person to approve its commands");
        case "stopping":
          return say("the run is stopping");
        default:
          return unreachable(ready.for);
      }
    case "ready":
      return say("it is about to be queued");
    case "unreachable":
      return say(`it will be skipped: ${ready.requirement} did not succeed`);
    case "no":
      return say("it began");
    default:
      return unreachable(ready);
  }
}

function requirements(run: Run, number: number): Why["because"] {
  return run.plan.stages[number]!.requires.filter((required) => run.stage(required).state.status !== "succeeded").map(
    (required) => {
      const { stage_id } = run.plan.stages[required]!;
      return { kind: "requirement", stage_id, text: statusOf(run, stage_id) };
    },
  );
}

const statusOf = (run: Run, stage_id: string): string => {
  const number = run.plan.numbers.get(stage_id);
  return number === undefined ? "unknown" : run.stage(number).state.status;
};
