import { createHash } from "node:crypto";
import type {
  ClaimBody,
  CompleteBody,
  CompleteReply,
  Grant,
  HeartbeatBody,
  HeartbeatReply,
  Manifest,
  Recorded,
  RouteName,
  Run,
  RunSummary,
  RunView,
  StageView,
  Why,
} from "orchestrator-core";
import type { MemoryDisk } from "orchestrator-daemon/parts";
import type { Caller } from "../net.ts";
import type { Tally } from "../tally.ts";
import { factsAt, type Law, type LawRun, type LawStage } from "./law.ts";

/** One request with its answer, at the moment when the answer leaves the daemon. */
export interface Answer {
  readonly name: RouteName;
  readonly params: Readonly<Record<string, string>> | undefined;
  readonly body: unknown;
  readonly value: unknown;
  readonly idempotency_key: string | null;
  readonly caller: Caller;
}

/**
 * I1 and I11: what an answer says is stored when the answer leaves, so no crash can take it back. I3: a report counts
 * only from the agent, exec and fence that hold the stage, and one that counts is not refused. I10: `why` says why.
 */
export class Answers {
  /** Acknowledged submits by key: one run each. */
  readonly runsByKey = new Map<string, string>();
  readonly #law: Law;
  readonly #disk: MemoryDisk;
  readonly #tally: Tally;
  readonly #object: (checker: string, message: string) => void;
  readonly #memory: () => Iterable<Run>;

  constructor(
    law: Law,
    disk: MemoryDisk,
    tally: Tally,
    object: (checker: string, message: string) => void,
    memory: () => Iterable<Run>,
  ) {
    this.#memory = memory;
    this.#law = law;
    this.#disk = disk;
    this.#tally = tally;
    this.#object = object;
  }

  check(answer: Answer): void {
    const { name, params, value } = answer;
    switch (name) {
      case "submitRun":
        return this.#submitted(answer);
      case "showRun":
        return this.view(value as RunView);
      case "why":
        return this.why(params?.run_id ?? "", params?.stage_id ?? "", value as Why);
      case "decide":
        return this.#decided(answer);
      case "cancelRun":
        return this.#cancelled(params?.run_id ?? "", value as RunSummary);
      case "retryRun":
        return this.#retried(params?.run_id ?? "", value as RunSummary);
      case "listRuns":
        for (const run of (value as { runs: RunSummary[] }).runs) this.#summary(run);
        return;
      case "claim": {
        const body = answer.body as ClaimBody;
        const { jobs } = value as { jobs: Grant[] };
        this.#sameRequest(body.agent_id, body.request_id, jobs);
        if (jobs.length > body.jobs_max) this.#object("I1", `${jobs.length} jobs for a claim of ${body.jobs_max}`);
        for (const grant of jobs) this.#granted(grant, body.agent_id, body.labels);
        return;
      }
      case "complete":
        return this.#completed(answer);
      case "heartbeat":
        return this.#beat(answer.body as HeartbeatBody, value as HeartbeatReply);
      default:
        return;
    }
  }

  /** An event on a stream. */
  event(run_id: string, event: Recorded): void {
    const stored = this.#law.runs.get(run_id)?.events[event.seq - 1];
    if (stored !== JSON.stringify(event)) {
      this.#object("I11", `a stream of ${run_id} shows event ${event.seq}, and stored is ${stored ?? "none"}`);
    }
  }

  view(view: RunView): void {
    const { run_id } = view.run;
    const run = this.#law.runs.get(run_id);
    if (run === undefined || view.seq > run.seq) {
      return this.#object("I11", `run ${run_id} is shown at ${view.seq}, and stored is ${run?.seq ?? "nothing"}`);
    }
    for (const stage of view.stages) this.stage(run, stage, view.seq);
    if (view.stages.length !== run.stages.size) this.#object("I6", `run ${run_id} is shown with too few stages`);
    const counts: Record<string, number> = {};
    for (const stage of view.stages) counts[stage.status] = (counts[stage.status] ?? 0) + 1;
    for (const key of new Set([...Object.keys(counts), ...Object.keys(view.run.counts)])) {
      if (counts[key] !== view.run.counts[key])
        this.#object("I6", `run ${run_id} counts ${view.run.counts[key]} ${key}, and has ${counts[key]}`);
    }
    this.#summary(view.run);
  }

  /** A stage as it is shown, against the law at that seq. */
  stage(run: LawRun, view: StageView, seq: number): void {
    const stage = run.stages.get(view.stage_id);
    if (stage === undefined) return this.#object("I6", `${view.stage_id} is shown, and the workflow has none`);
    const facts = factsAt(stage, seq);
    const differs = (what: string, shown: unknown, right: unknown): void => {
      if (shown !== right && JSON.stringify(shown) !== JSON.stringify(right)) {
        const where = `run ${run.run_id} stage ${view.stage_id} at ${seq}`;
        this.#object("I6", `${where}: ${what} is ${JSON.stringify(shown)}, and by its events ${JSON.stringify(right)}`);
      }
    };
    differs("status", view.status, facts.status);
    differs("attempt", view.attempt, facts.attempt);
    differs("reason", view.reason, facts.reason);
    differs("question", view.question?.subject ?? null, facts.subject);
    differs("outputs", view.outputs, facts.outputs);
    differs("requires", view.requires, stage.spec.requires);
    const execs = [...stage.execs.values()].filter((exec) => exec.granted_seq <= seq);
    differs(
      "execs",
      view.execs.map((e) => [e.exec_id, e.fence, e.agent_id, e.attempt]),
      execs.map((e) => [e.exec_id, e.fence, e.agent_id, e.attempt]),
    );
    differs(
      "outcomes",
      view.execs.map((e) => e.outcome),
      execs.map((e) => (e.end_seq > 0 && e.end_seq <= seq ? e.outcome : null)),
    );
  }

  why(run_id: string, stage_id: string, why: Why): void {
    const stage = this.#law.runs.get(run_id)?.stages.get(stage_id);
    if (stage === undefined) return this.#object("I11", `why tells of ${run_id}/${stage_id}, which is not stored`);
    if (why.summary.trim() === "") this.#object("I10", `why of ${stage_id}, which is ${why.status}, is empty`);
    if (!stage.past.some(({ status }) => status === why.status)) {
      this.#object("I11", `why says that ${stage_id} is ${why.status}, and it never was`);
    }
    const wants = why.status === "skipped" || why.status === "needs_human";
    if (wants && why.because.length === 0)
      this.#object("I10", `why of ${stage_id}, which is ${why.status}, names nothing`);
  }

  #submitted({ value, idempotency_key, caller }: Answer): void {
    const { run_id, plan_digest } = value as { run_id: string; plan_digest: string };
    if (idempotency_key !== null) {
      const key = `${caller.name} ${idempotency_key}`;
      const first = this.runsByKey.get(key) ?? run_id;
      this.runsByKey.set(key, first);
      if (first !== run_id) this.#object("I1", `one Idempotency-Key made two runs, ${first} and ${run_id}`);
    }
    const run = this.#law.runs.get(run_id);
    if (run === undefined) return this.#object("I1", `submit of ${run_id} is acknowledged and not stored`);
    const created = JSON.parse(run.events[0] ?? "{}") as { plan_digest?: string };
    if (created.plan_digest !== plan_digest) this.#object("I1", `submit of ${run_id} names another plan`);
  }

  #decided({ params, body, value }: Answer): void {
    const { run_id = "", stage_id = "" } = params ?? {};
    const run = this.#law.runs.get(run_id);
    const { subject, decision } = body as { subject: string; decision: string };
    const found = run?.events.some((text) => {
      const event = JSON.parse(text) as Recorded;
      return (
        event.type === "decided" &&
        event.stage_id === stage_id &&
        event.subject === subject &&
        event.decision === decision
      );
    });
    if (run === undefined || !found) {
      return this.#object("I1", `the decision ${decision} on ${run_id}/${stage_id} is acknowledged and not stored`);
    }
    const view = value as StageView;
    if (!run.stages.get(stage_id)?.past.some(({ status }) => status === view.status)) {
      this.#object("I11", `stage ${stage_id} is shown as ${view.status}, and it never was`);
    }
  }

  #cancelled(run_id: string, summary: RunSummary): void {
    const run = this.#law.runs.get(run_id);
    if (run === undefined || run.cancels === 0) {
      return this.#object("I1", `the cancel of ${run_id} is acknowledged and not stored`);
    }
    this.#tally.cancels++;
    this.#summary(summary);
  }

  #retried(run_id: string, summary: RunSummary): void {
    const run = this.#law.runs.get(run_id);
    if (run === undefined || run.reopened === 0) this.#object("I1", `the retry of ${run_id} is not stored`);
    this.#summary(summary);
  }

  #summary({ run_id, status, stopping, run_number }: RunSummary): void {
    const run = this.#law.runs.get(run_id);
    if (run === undefined) return this.#object("I11", `run ${run_id} is listed and not stored`);
    if (run.run_number !== run_number) this.#object("I6", `run ${run_id} is listed as number ${run_number}`);
    const ended = status === "succeeded" || status === "failed" || status === "cancelled";
    const settled = (text: string): boolean =>
      text.includes('"type":"run_settled"') && text.includes(`"status":"${status}"`);
    if (ended && !run.events.some(settled)) this.#object("I11", `run ${run_id} is shown as ${status}, and it is not`);
    if (stopping === "cancelled" && run.cancels === 0) this.#object("I11", `run ${run_id} is shown as stopping`);
    if (status === "quarantined") this.#object("I6", `run ${run_id} is quarantined`);
  }

  #granted(grant: Grant, agent_id: string, labels: readonly string[]): void {
    const run = this.#law.runs.get(grant.run_id);
    const stage = run?.stages.get(grant.stage_id);
    const exec = stage?.execs.get(grant.exec_id);
    if (run === undefined || stage === undefined || exec === undefined) {
      return this.#object("I1", `exec ${grant.exec_id} of ${grant.stage_id} is granted and not stored`);
    }
    const wrong = (why: string): void => this.#object("I3", `grant of ${grant.exec_id} (${grant.stage_id}) ${why}`);
    if (exec.agent_id !== agent_id) wrong(`goes to ${agent_id}, stored is ${exec.agent_id}`);
    if (exec.fence !== grant.fence) wrong(`has fence ${grant.fence}, stored is ${exec.fence}`);
    if (exec.attempt !== grant.attempt) wrong(`has attempt ${grant.attempt}, stored is ${exec.attempt}`);
    if (grant.exec_digest !== stage.exec_digest) wrong("has another digest than its commands");
    const { spec } = stage;
    if (spec.kind !== "exec" || !spec.labels.every((label) => labels.includes(label))) wrong("lacks a label");
    for (const required of grant.requires) this.#handedOn(run, grant, required);
    if (grant.requires.length !== spec.requires.length) wrong("leaves out what it requires");
  }

  /** The same request gets the same grants, as far as they are still held. */
  #sameRequest(agent_id: string, request_id: string, jobs: readonly Grant[]): void {
    const given = new Set(jobs.map(({ exec_id }) => exec_id));
    for (const run of this.#law.runs.values()) {
      for (const { now, execs } of run.stages.values()) {
        const exec = now.holder === null ? undefined : execs.get(now.holder);
        if (exec?.agent_id !== agent_id || exec.request_id !== request_id || given.has(exec.exec_id)) continue;
        // memory is ahead: it may have ended, and that is not stored yet
        if (!this.#inMemory(run.run_id, exec.exec_id)) continue;
        this.#object(
          "I1",
          `the request of ${agent_id} that was granted ${exec.exec_id} is asked again and not given it`,
        );
      }
    }
  }

  #inMemory(run_id: string, exec_id: string): boolean {
    for (const run of this.#memory()) {
      if (run.run_id !== run_id) continue;
      return run.plan.stages.some(({ number }) => {
        const { state } = run.stage(number);
        return state.status === "running" && state.exec_id === exec_id;
      });
    }
    return false;
  }

  #handedOn(run: LawRun, { stage_id }: Grant, required: Grant["requires"][number]): void {
    const stage = run.stages.get(required.stage_id) as LawStage;
    const exec = required.exec_id === null ? null : stage.execs.get(required.exec_id);
    const right = stage.now.status === "succeeded" && exec !== undefined && (exec === null || exec.granted_seq > 0);
    if (!right) this.#object("I4", `${stage_id} is granted, and ${required.stage_id} is ${stage.now.status}`);
    if (JSON.stringify(stage.now.outputs) !== JSON.stringify(required.outputs)) {
      this.#object("I6", `${stage_id} is handed other outputs of ${required.stage_id} than it reported`);
    }
    if (exec?.outcome === "succeeded" && exec.manifest_sha256 !== required.manifest_sha256) {
      this.#object("I6", `${stage_id} is handed another manifest of ${required.stage_id}`);
    }
  }

  #completed({ body, value, caller }: Answer): void {
    const { agent_id, request_id, completions, claim } = body as CompleteBody;
    const { outcomes, jobs } = value as CompleteReply;
    for (const grant of jobs) this.#granted(grant, agent_id, claim?.labels ?? []);
    if (claim) this.#sameRequest(agent_id, request_id, jobs);
    if (jobs.length > (claim?.jobs_max ?? 0)) this.#object("I1", `${jobs.length} jobs, and fewer were wanted`);
    completions.forEach(({ run_id, stage_id, exec_id, fence, report }, i) => {
      const outcome = outcomes[i];
      const exec = this.#law.runs.get(run_id)?.stages.get(stage_id)?.execs.get(exec_id);
      const holds = exec !== undefined && exec.agent_id === agent_id && exec.fence === fence;
      if (outcome === undefined || outcome.exec_id !== exec_id) {
        return this.#object("I1", `the report of ${exec_id} got no outcome`);
      }
      if (outcome.outcome === "refused") {
        if (outcome.code === "fence-stale" || outcome.code === "exec-unknown") this.#tally.stale_reports++;
        if (caller.honest && holds && exec.outcome === null) {
          this.#object("I3", `the report of ${exec_id}, which holds ${stage_id}, is refused: ${outcome.message}`);
        }
        return;
      }
      if (!holds) {
        return this.#object("I3", `a report of ${exec_id} by ${agent_id} with fence ${fence} is ${outcome.outcome}`);
      }
      if (exec.outcome === null) {
        return this.#object("I1", `the report of ${exec_id} is ${outcome.outcome} and not stored`);
      }
      const right = reported(report, exec.outcome, exec.manifest_sha256);
      if (!right)
        this.#object("I3", `the ${report.kind} of ${exec_id} is ${outcome.outcome}, and it ended ${exec.outcome}`);
    });
  }

  #beat({ agent_id, execs }: HeartbeatBody, { cancel, lost }: HeartbeatReply): void {
    const named = new Map(execs.map((held) => [held.exec_id, held]));
    const gone = new Set(lost);
    for (const { run_id, stage_id, exec_id, fence } of execs) {
      const exec = this.#law.runs.get(run_id)?.stages.get(stage_id)?.execs.get(exec_id);
      const mayHold = exec?.agent_id === agent_id && exec.fence === fence;
      if (!mayHold && !gone.has(exec_id)) {
        this.#object("I3", `a heartbeat of ${agent_id} with fence ${fence} keeps ${exec_id}, which it does not hold`);
      }
    }
    for (const exec_id of lost) {
      const held = named.get(exec_id);
      const stage = held && this.#law.runs.get(held.run_id)?.stages.get(held.stage_id);
      const exec = stage?.execs.get(exec_id);
      if (stage?.now.holder === exec_id && exec?.agent_id === agent_id && exec.fence === held?.fence) {
        this.#object("I7", `agent ${agent_id} is told that ${exec_id} is lost, and holds it`);
      }
    }
    for (const exec_id of cancel) {
      const stopping = [...this.#law.runs.values()].some(
        (run) => run.cancels + run.reopened > 0 || run.stopping !== null || run.workflow.fail_fast,
      );
      if (!stopping) this.#object("I11", `agent ${agent_id} is told to end ${exec_id}, and no run is stopping`);
    }
  }

  /** Every key still leads to its run. */
  end(): void {
    const runs = new Set(this.#disk.journal.keys());
    for (const [key, run_id] of this.runsByKey) {
      if (!runs.has(run_id)) this.#object("I1", `the run ${run_id} of ${key} is not in the store`);
    }
  }
}

function reported(
  report: CompleteBody["completions"][number]["report"],
  outcome: string,
  sha256: string | null,
): boolean {
  switch (report.kind) {
    case "handed_back":
    case "lost":
      return outcome === report.kind;
    case "no_bundle":
      return (outcome === "failed" || outcome === "cancelled") && sha256 === null;
    case "manifest": {
      const { result, reason } = JSON.parse(report.manifest) as Manifest;
      const same = createHash("sha256").update(report.manifest).digest("hex") === sha256;
      // a run that was stopped meanwhile counts what was cancelled as that, and what was cancelled without it as failed
      // its agent ended it because its lease was over
      if (outcome === "lost" || reason === "lease_lost") return same && outcome === "lost" && reason === "lease_lost";
      return same && (result === outcome || (result !== "succeeded" && outcome !== "succeeded"));
    }
  }
}
