import {
  type Client,
  type Input,
  type JsonRouteName,
  makeClient,
  NoAnswer,
  type ProblemDocument,
  type Recorded,
  type Reply,
  type Result,
  type RunView,
  type Subject,
} from "orchestrator-core";
import type { LawRun, LawStage } from "./checkers/law.ts";
import type { Dice } from "./random.ts";
import { Scope } from "./scheduler.ts";
import type { RunPlan } from "./workload.ts";
import type { World } from "./world.ts";

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  gate: ["approve", "approve", "approve", "approve", "approve", "reject"],
  exec: ["approve", "approve", "approve", "approve", "approve", "reject"],
  lost_lease: ["retry", "retry", "mark_succeeded", "mark_failed"],
};

/** People and their scripts: they submit, decide, cancel, retry, look, and ask again where no answer came. */
export class People {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #scope = new Scope("people");
  readonly #clients: Readonly<Record<"operator" | "proposer", Client>>;
  readonly #asking = new Set<string>();
  /** What is still meant to be done; the world does not end before. */
  busy = 0;
  #retriesLeft = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
    this.#dice = world.dice.fork("people");
    const client = (name: "operator" | "proposer"): Client =>
      makeClient(world.net.transport({ name, scope: this.#scope, honest: true }), name);
    this.#clients = { operator: client("operator"), proposer: client("proposer") };
  }

  async submit(plan: RunPlan): Promise<void> {
    this.busy++;
    await this.#sleep(plan.at_ms);
    const headers = plan.key === null ? {} : { idempotency_key: plan.key };
    const body = { workflow: plan.workflow, workspace: "/" };
    // without a key nobody may ask again: it could become two runs
    const reply = await this.#ask("submitRun", { body }, plan.role, plan.key === null ? 1 : 1_000, headers);
    this.busy--;
    if (reply === null) return;
    if (!reply.ok) {
      if (plan.key !== null) this.#world.violation("client", `submit is refused: ${reply.error.detail}`);
      return;
    }
    const { run_id } = reply.value;
    this.#retriesLeft.set(run_id, plan.retries);
    if (plan.follow) void this.#follow(run_id);
  }

  /** A stage asks something. */
  async answer(run: LawRun, stage: LawStage): Promise<void> {
    const { subject, seq } = stage.now;
    const key = `${run.run_id}/${stage.stage_id}/${seq}`;
    if (subject === null || this.#asking.has(key)) return;
    this.#asking.add(key);
    await this.#sleep(this.#world.faults.over ? 50 : this.#dice.between(20, 3_000));
    while (stage.now.seq === seq && run.stopping === null) {
      const view = await this.#ask("showRun", { params: { run_id: run.run_id } }, "operator");
      const question = view?.ok ? view.value.stages.find((s) => s.stage_id === stage.stage_id)?.question : null;
      if (!question) {
        // decided, skipped or cancelled meanwhile, or not yet to be seen
        await this.#sleep(this.#dice.between(50, 500));
        continue;
      }
      if (question.subject !== subject) break;
      if (this.#dice.chance(0.1)) await this.#lie(run, stage, subject as Subject);
      const decision = this.#dice.pick(CHOICES[subject] ?? []) as "approve";
      const input = {
        params: { run_id: run.run_id, stage_id: stage.stage_id },
        body: { decision, subject: question.subject as Subject, digest: question.digest },
      };
      const reply = await this.#ask("decide", input, "operator");
      if (reply?.ok) this.#count(subject);
      if (reply !== null) break;
    }
    this.#asking.delete(key);
    if (stage.now.seq === seq && run.stopping === null && run.status === "running") void this.answer(run, stage);
  }

  #count(subject: string): void {
    const { tally } = this.#world;
    if (subject === "gate") tally.gates++;
    else if (subject === "exec") tally.asks++;
    else tally.lost_lease_questions++;
  }

  /** A decision about other commands, or one by somebody who may not decide. */
  async #lie(run: LawRun, stage: LawStage, subject: Subject): Promise<void> {
    const stale = this.#dice.chance(0.5);
    const digest = stale ? "0".repeat(64) : (stage.exec_digest ?? "1".repeat(64));
    const decision = subject === "lost_lease" ? "mark_succeeded" : "approve";
    const reply = await this.#ask(
      "decide",
      { params: { run_id: run.run_id, stage_id: stage.stage_id }, body: { decision, subject, digest } },
      stale ? "operator" : "proposer",
      1,
    );
    const past = stage.past.some((facts) => facts.subject === subject && facts !== stage.now);
    if (reply?.ok && !past)
      this.#world.violation("decision", `a decision ${stale ? "on another digest" : "by a proposer"} is accepted`);
  }

  async cancel(): Promise<void> {
    const running = [...this.#world.law.runs.values()].filter(({ status }) => status === "running");
    if (running.length === 0) return;
    const run = this.#dice.pick(running);
    this.busy++;
    await this.#ask("cancelRun", { params: { run_id: run.run_id }, body: { note: "enough" } }, "operator", 1_000);
    this.busy--;
  }

  /** The run has ended. */
  async ended(run: LawRun): Promise<void> {
    const left = this.#retriesLeft.get(run.run_id) ?? 0;
    if (left === 0 || run.status === "succeeded" || this.#world.faults.over) return;
    this.#retriesLeft.set(run.run_id, left - 1);
    this.busy++;
    await this.#sleep(this.#dice.chance(0.3) ? 0 : this.#dice.between(1, 3_000));
    const reply = await this.#ask("retryRun", { params: { run_id: run.run_id }, body: {} }, "operator", 1_000);
    if (reply?.ok) this.#world.tally.run_retries++;
    this.busy--;
  }

  async look(): Promise<void> {
    const runs = [...this.#world.law.runs.values()];
    if (runs.length === 0) return;
    const run = this.#dice.pick(runs);
    const params = { run_id: run.run_id };
    const luck = this.#dice.float();
    if (luck < 0.35) await this.#ask("showRun", { params }, "proposer", 1);
    else if (luck < 0.7) {
      const stage_id = this.#dice.pick([...run.stages.keys()]);
      await this.#ask("why", { params: { ...params, stage_id } }, "operator", 1);
    } else if (luck < 0.9) await this.#ask("listRuns", { query: { limit: this.#dice.int(1, 5) } }, "operator", 1);
    else await this.#ask("showRun", { params }, "operator", 1);
  }

  /** Every run as the API shows it, asked until it is answered. */
  async showAll(each: (view: RunView) => void): Promise<void> {
    for (const run_id of this.#world.law.runs.keys()) {
      const reply = await this.#ask("showRun", { params: { run_id } }, "operator", 1_000);
      if (reply?.ok) each(reply.value);
      else this.#world.violation("I1", `run ${run_id} cannot be shown: ${reply?.error.detail}`);
    }
  }

  async #follow(run_id: string): Promise<void> {
    const { net, law, violation } = this.#world;
    const caller = { name: "operator", scope: this.#scope, honest: true };
    let last = 0;
    let ended = false;
    for (let tries = 0; tries < 200 && !ended; tries++) {
      await net.follow(caller, run_id, last, (event: Recorded) => {
        if (event.seq !== last + 1) violation("I11", `a stream of ${run_id} goes from ${last} to ${event.seq}`);
        last = event.seq;
        ended = event.type === "run_settled";
      });
      if (!ended) await this.#sleep(this.#dice.between(50, 1_500));
      if (law.runs.get(run_id)?.status !== "running" && last === law.runs.get(run_id)?.seq) ended = true;
    }
  }

  /** Null: no answer, or one that says "not now", as often as was tried. */
  async #ask<N extends JsonRouteName>(
    name: N,
    input: Input<N>,
    as: "operator" | "proposer",
    tries_max = 8,
    options: { readonly idempotency_key?: string } = {},
  ): Promise<Result<Reply<N>, ProblemDocument> | null> {
    for (let tries = 0; tries < tries_max; tries++) {
      try {
        const reply = await this.#clients[as].call(name, input, { timeout_ms: 5_000, ...options });
        if (reply.ok || reply.error.status < 500) return reply;
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
      }
      await this.#sleep(this.#dice.between(20, 400));
    }
    return null;
  }

  #sleep(ms: number): Promise<void> {
    return this.#world.scheduler.sleep(ms, this.#scope);
  }
}
