import {
  apply,
  bundlePath,
  type Actor,
  type AgentReach,
  cancelIsDue,
  canonicalJson,
  checkHolder,
  type ClaimBody,
  type Clock,
  type CompleteBody,
  type CompleteReply,
  type Completion,
  type Decision,
  type Frozen,
  type Grant,
  type HeartbeatBody,
  type HeartbeatReply,
  jobId,
  makePlan,
  makeUlid,
  MemoryRun,
  type Problem,
  ProblemError,
  type Random,
  readReport,
  type ReportTools,
  type Recorded,
  type Result,
  rfc3339,
  type Run,
  type RunEvent,
  type RunSummary,
  runSummary,
  type RunView,
  runView,
  sha256Hex,
  type StageView,
  stageView,
  type Subject,
  transition,
  type Action,
  type Why,
  why,
  type WorkflowSpec,
} from "orchestrator-core";
import type { RunRecord, Store, Submitted } from "../store/store.ts";
import { Committer } from "./committer.ts";
import { type Follower, Followers } from "./followers.ts";
import { loadRun, Plans, RunUnreadable, stagesOf } from "./load.ts";
import { Parked } from "./parked.ts";
import { Projector } from "./projector.ts";
import { JobQueue } from "./queue.ts";

/**
 * The single owner of the active runs. Requests come in as method calls, decisions are `transition`'s, the journal
 * is the truth.
 *
 * 1. An accepted action changes memory at once and is answered when its events are stored.
 * 2. A reader renders memory at once and is answered when all that memory held then is stored: nobody sees what a
 *    crash could take back.
 * 3. Between two awaits the owner does one thing: there are no locks, since there are no rivals.
 * 4. Every grant is in `#held` until its exec ends; a lease is looked at no later than its deadline.
 */
/** `sha256`: the platform's is several times faster than a portable one. */
export interface OwnerPorts extends ReportTools {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: (level: "info" | "warn" | "error", message: string, fields?: Readonly<Record<string, unknown>>) => void;
  /** Leasing stands still. Left out: it never does. */
  readonly frozen?: () => Frozen | null;
  /** The outcome of a commit is unknown, or another owner took over: end with exit code 75 and start again. */
  readonly onBroken: (message: string) => void;
}

export interface OwnerOptions {
  readonly lease_ms: number;
  /** Stage_runs whose records may wait before a submit has to. */
  readonly backlog_max: number;
  readonly policy_digest: string;
}

/** A submission whose workflow was parsed, judged and found allowed. */
export interface Submission {
  readonly workflow: WorkflowSpec;
  readonly workspace: string;
  readonly by: Actor;
  /** Stages that policy wants a person to approve. */
  readonly asks: readonly string[];
  readonly idempotency_key: string | null;
}

interface Agent {
  readonly agent_id: string;
  reach: AgentReach;
  seen: number;
  readonly held: Map<string, HeldExec>;
}

interface HeldExec {
  readonly run: MemoryRun;
  readonly number: number;
  /** When the agent was told to end it, on our clock; null: not yet. */
  toldAt: number | null;
}

interface ClaimWish {
  readonly agent: Agent;
  readonly body: Pick<ClaimBody, "request_id" | "jobs_max"> & AgentReach;
}

const AGENT_SEEN_MS = 90_000;
/** Above it, agents that hold nothing and are not heard of are forgotten. */
const AGENTS_MAX = 1_000;
const TOLD_AGAIN_MS = 2_000;
const FINISHED_MAX = 64;
const OVERLOADED_WAIT_MS = 30_000;

export class Owner {
  readonly #ports: OwnerPorts;
  readonly #options: OwnerOptions;
  readonly #committer: Committer;
  readonly #projector: Projector;
  readonly #plans: Plans;
  readonly #followers = new Followers();
  readonly #queue = new JobQueue();
  readonly #claims: Parked<readonly Grant[]>;
  readonly #heartbeats: Parked<true>;
  readonly #wishes = new Map<string, ClaimWish>();
  readonly #agents = new Map<string, Agent>();
  readonly #holders = new Map<string, Agent>();
  readonly #runs = new Map<string, MemoryRun>();
  readonly #finished = new Map<string, MemoryRun>();
  readonly #quarantined = new Map<string, string>();
  readonly #backingOff = new Map<string, HeldExec>();
  readonly #submitting = new Map<string, Promise<{ run_id: string; plan_digest: string; body_digest: string }>>();
  readonly #completing = new Map<string, (() => void)[]>();
  readonly #reopening = new Map<string, Promise<void>>();
  #runNumber: number;
  #wakeAt: { readonly at: number; readonly cancel: () => void } | null = null;
  #offering = false;
  #closed = false;
  #failure: string | null = null;

  private constructor(ports: OwnerPorts, options: OwnerOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#runNumber = ports.store.run_number_max;
    this.#plans = new Plans(ports.store);
    this.#claims = new Parked(ports.clock);
    this.#heartbeats = new Parked(ports.clock);
    const broken = (message: string): void => {
      this.#failure ??= message;
      this.#closed = true;
      this.#projector.stop();
      this.#release();
      ports.onBroken(message);
    };
    this.#committer = new Committer(
      ports.store,
      (stored) => this.#followers.publish(stored),
      (failure) => broken(`commit failed (${failure.outcome}): ${failure.message}`),
    );
    this.#projector = new Projector({
      store: ports.store,
      clock: ports.clock,
      barrier: () => this.#committer.barrier(),
      onComplete: (run) => this.#forget(run),
      onBroken: (error) => {
        if (!this.#closed) broken(`the records could not be written: ${String(error)}`);
      },
    });
  }

  #break(message: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#projector.stop();
    this.#release();
    this.#ports.onBroken(message);
  }

  /** Loads every active run, sets aside those that cannot be read, and is ready. */
  static async open(ports: OwnerPorts, options: OwnerOptions): Promise<Owner> {
    const owner = new Owner(ports, options);
    for (const run_id of await ports.store.activeRuns()) {
      await owner.#resume(run_id);
      // after a rebuild every run there is has records to be written: not all at once in memory
      await owner.#projector.below(options.backlog_max);
    }
    return owner;
  }

  async #resume(run_id: string): Promise<void> {
    try {
      const run = await loadRun(this.#ports.store, this.#plans, run_id, this.#ports.clock.now());
      if (run === null) throw new RunUnreadable("it has no journal");
      this.#runs.set(run_id, run);
      await this.#projector.load(run);
      for (const { number } of run.plan.stages) this.#index(run, number);
    } catch (error) {
      if (!(error instanceof RunUnreadable)) throw error;
      this.#quarantined.set(run_id, error.message);
      this.#ports.log("error", "run quarantined", { run_id, error: error.message });
    }
  }

  get accepting(): string | null {
    return this.#failure ?? (this.#closed ? "the daemon is stopping" : null);
  }

  /** The active runs as memory has them, which is ahead of what is stored: for checkers, never for answers. */
  active(): Iterable<Run> {
    return this.#runs.values();
  }

  // what people ask

  async submit(submission: Submission): Promise<{ run_id: string; plan_digest: string }> {
    this.#checkAccepting();
    await this.#waitForBacklog();
    const workflow_text = canonicalJson(submission.workflow);
    const workflow_digest = this.#ports.sha256(workflow_text);
    const { idempotency_key } = submission;
    if (idempotency_key === null) return this.#create(submission, workflow_digest, workflow_text, null);
    const key_digest = sha256Hex(`${submission.by.role}\n${idempotency_key}`);
    const body_digest = this.#ports.sha256(`${workflow_digest}\n${submission.workspace}`);
    const earlier =
      this.#submitting.get(key_digest) ??
      this.#ports.store.request(key_digest).then(async (request) => {
        if (request === null) {
          const request_ = { key_digest, body_digest };
          return { ...(await this.#create(submission, workflow_digest, workflow_text, request_)), body_digest };
        }
        const run = await this.#find(request.run_id);
        return { run_id: request.run_id, plan_digest: run.plan.plan_digest, body_digest: request.body_digest };
      });
    this.#submitting.set(key_digest, earlier);
    try {
      const { body_digest: first, ...created } = await earlier;
      if (first !== body_digest) {
        throw new ProblemError({
          code: "key-reused",
          message: `this Idempotency-Key was used for run ${created.run_id}, with another workflow or workspace`,
          hint: "take a new key for a new run",
        });
      }
      return created;
    } finally {
      if (this.#submitting.get(key_digest) === earlier) this.#submitting.delete(key_digest);
    }
  }

  async #create(
    { workflow, workspace, by, asks }: Submission,
    workflow_digest: string,
    workflow_text: string,
    request: { readonly key_digest: string; readonly body_digest: string } | null,
  ): Promise<{ run_id: string; plan_digest: string }> {
    const { policy_digest } = this.#options;
    let plan = this.#plans.cached(workflow_digest, policy_digest);
    if (plan === undefined) {
      plan = makePlan(workflow, policy_digest);
      if (!this.#plans.stored.has(workflow_digest) && (await this.#ports.store.workflow(workflow_digest)) !== null) {
        this.#plans.stored.add(workflow_digest);
      }
      this.#plans.put(workflow_digest, plan);
    }
    this.#checkAccepting();
    const run_id = this.#ulid();
    const run = new MemoryRun(run_id, plan);
    const run_number = ++this.#runNumber;
    const submitted: Submitted = {
      run_id,
      run_number,
      workflow_digest,
      workflow_text: this.#plans.stored.has(workflow_digest) ? null : workflow_text,
      request: request === null ? null : { ...request, run_id },
    };
    this.#plans.stored.add(workflow_digest);
    this.#runs.set(run_id, run);
    const events = this.#decide(run, { type: "create", run_number, workflow_digest, workspace, by, asks });
    await this.#accept(run, must(events), { submitted });
    return { run_id, plan_digest: plan.plan_digest };
  }

  async list(cursor: number | undefined, limit: number): Promise<{ runs: RunSummary[]; next: number | null }> {
    const active = new Map([...this.#runs.values()].map((run) => [run.head.run_number, run]));
    const runs: RunSummary[] = [];
    let high = Math.min((cursor ?? this.#runNumber + 1) - 1, this.#runNumber);
    while (high >= 1 && runs.length < limit) {
      const low = Math.max(1, high - (limit - runs.length) + 1);
      const records = new Map((await this.#ports.store.runRecords(high, low)).map((r) => [r.run_number, r]));
      for (let number = high; number >= low; number--) {
        const run = active.get(number);
        const record = records.get(number);
        if (run) runs.push(runSummary(run));
        else if (record) runs.push(this.#summaryOf(record));
      }
      high = low - 1;
    }
    await this.#committer.barrier();
    return { runs, next: high >= 1 ? high + 1 : null };
  }

  #summaryOf(record: RunRecord): RunSummary {
    const { by_role, by_name, created_at, ended_at, projected_seq: _, status, ...rest } = record;
    const shown = this.#quarantined.has(record.run_id) ? "quarantined" : status;
    return {
      ...rest,
      status: shown as RunSummary["status"],
      counts: { ...record.counts },
      by: { role: by_role, name: by_name },
      created_at: rfc3339(created_at),
      ended_at: ended_at === null ? null : rfc3339(ended_at),
    };
  }

  async show(run_id: string): Promise<RunView> {
    return this.#read(await this.#find(run_id), runView);
  }

  async showWorkflow(digest: string): Promise<unknown> {
    const text = await this.#ports.store.workflow(digest);
    if (text === null)
      throw new ProblemError({ code: "workflow-unknown", message: `no workflow has the digest ${digest}` });
    return JSON.parse(text);
  }

  async why(run_id: string, stage_id: string): Promise<Why> {
    const run = await this.#find(run_id);
    const number = this.#stageNumber(run, stage_id);
    const now = this.#ports.clock.now();
    const agents = [...this.#agents.values()]
      .filter((agent) => now - agent.seen < AGENT_SEEN_MS)
      .map(({ agent_id, reach }) => ({ agent_id, ...reach }));
    const frozen = this.#ports.frozen?.() ?? null;
    return this.#read(run, () => why(run, number, { now, agents, frozen }));
  }

  async decide(
    run_id: string,
    stage_id: string,
    answer: { subject: Subject; decision: Decision; digest: string; note: string; by: Actor },
  ): Promise<StageView> {
    this.#checkAccepting();
    const run = await this.#find(run_id);
    const number = this.#stageNumber(run, stage_id);
    await this.#act(run, { type: "decide", stage_id, ...answer });
    return this.#read(run, () => stageView(run, number));
  }

  async cancel(run_id: string, by: Actor, note: string): Promise<RunSummary> {
    this.#checkAccepting();
    const run = await this.#find(run_id);
    await this.#act(run, { type: "cancel", by, note });
    return this.#read(run, runSummary);
  }

  /** Cancels every run of which something is running. */
  cancelRunning(by: Actor, note: string): Promise<void> {
    this.#checkAccepting();
    const held = [...this.#agents.values()].flatMap((agent) => [...agent.held.values()]);
    for (const run of new Set(held.map(({ run }) => run))) this.#actQuietly(run, { type: "cancel", by, note });
    return this.#committer.barrier();
  }

  /** Leasing goes on: gives queued jobs to parked claims. */
  offer(): void {
    this.#offerSoon();
  }

  async retry(run_id: string, by: Actor): Promise<RunSummary> {
    // one retry at a time; and a run whose last records are on their way is loaded anew once they are written
    for (;;) {
      this.#checkAccepting();
      const other = this.#reopening.get(run_id);
      if (other !== undefined) await other;
      else if (this.#runs.has(run_id) && this.#projector.isCompleting(run_id)) {
        await new Promise<void>((resolve) => {
          this.#completing.set(run_id, [...(this.#completing.get(run_id) ?? []), resolve]);
        });
      } else break;
    }
    const run = this.#runs.get(run_id);
    if (run !== undefined) {
      await this.#act(run, { type: "retry", by });
      return this.#read(run, runSummary);
    }
    const reopening = this.#reopen(run_id, by).finally(() => this.#reopening.delete(run_id));
    this.#reopening.set(
      run_id,
      reopening.then(
        () => {},
        () => {},
      ),
    );
    return this.#read(await reopening, runSummary);
  }

  async #reopen(run_id: string, by: Actor): Promise<MemoryRun> {
    const run = await this.#find(run_id);
    must(this.#decide(run, { type: "retry", by }));
    await this.#projector.load(run);
    const events = must(this.#decide(run, { type: "retry", by }));
    this.#finished.delete(run_id);
    this.#runs.set(run_id, run);
    await this.#accept(run, events, { reopened: true });
    return run;
  }

  async query(surql: string): Promise<readonly unknown[]> {
    return this.#ports.store.query(surql);
  }

  /** Throws where there is no such run, or none that can be read. */
  async mustKnow(run_id: string): Promise<void> {
    await this.#find(run_id);
  }

  /** The run's events after `after_seq`, then those to come, until it settles or the caller goes away. */
  async *events(run_id: string, after_seq: number, signal: AbortSignal): AsyncGenerator<Recorded> {
    const run = await this.#find(run_id);
    const follower: Follower = this.#followers.follow(run_id);
    const stop = (): void => follower.stop();
    signal.addEventListener("abort", stop);
    try {
      let last = after_seq;
      for (const row of await this.#ports.store.journal(run_id, after_seq)) {
        for (const event of JSON.parse(row.events) as Recorded[]) {
          if (event.seq <= last) continue;
          last = event.seq;
          yield event;
        }
      }
      while (!signal.aborted && (last < run.head.seq || run.head.status === "running") && !this.#closed) {
        for (const event of await follower.take()) {
          if (event.seq <= last) continue;
          last = event.seq;
          yield event;
        }
      }
    } finally {
      signal.removeEventListener("abort", stop);
      follower.stop();
    }
  }

  // what agents ask

  async claim(body: ClaimBody, signal?: AbortSignal): Promise<readonly Grant[]> {
    this.#checkAccepting();
    const agent = this.#agent(body.agent_id, reachOf(body));
    // the same request again: the agent gave up on the first, or takes it back
    const key = `${agent.agent_id}\n${body.request_id}`;
    this.#claims.release(key);
    const before = this.#grantsOf(agent, body.request_id);
    const grants = before.length > 0 ? before : this.#grant(agent, body);
    if (grants.length > 0 || body.wait_ms === 0) {
      await this.#committer.barrier();
      return grants;
    }
    this.#wishes.set(key, { agent, body });
    // an agent that was never granted anything does not know how long leases are, and they count from its request
    const waited = await this.#claims.wait(key, Math.min(body.wait_ms, this.#options.lease_ms / 2), signal);
    if (this.#wishes.get(key)?.body === body) this.#wishes.delete(key);
    agent.seen = this.#ports.clock.now();
    if (waited === null) return [];
    await this.#committer.barrier();
    return waited;
  }

  async heartbeat(body: HeartbeatBody, signal?: AbortSignal): Promise<HeartbeatReply> {
    this.#checkAccepting();
    const agent = this.#agent(body.agent_id, null);
    const now = this.#ports.clock.now();
    const lost: string[] = [];
    for (const { run_id, stage_id, exec_id, fence } of body.execs) {
      const run = this.#runs.get(run_id);
      const number = run?.plan.numbers.get(stage_id);
      const renewed =
        run !== undefined &&
        number !== undefined &&
        renewLease(run, number, { stage_id, exec_id, fence, agent_id: body.agent_id }, now);
      // what cannot be read may be mended: its work is left alone as long as its lease
      if (!renewed && !this.#quarantined.has(run_id)) lost.push(exec_id);
    }
    if (body.wait_ms > 0 && lost.length === 0 && this.#cancelsDue(agent, now).length === 0) {
      // an answer that told of a cancel may have been lost: it is told again soon
      const told = [...agent.held.values()].some(isDue);
      await this.#heartbeats.wait(agent.agent_id, told ? Math.min(body.wait_ms, TOLD_AGAIN_MS) : body.wait_ms, signal);
    }
    const then = this.#ports.clock.now();
    agent.seen = then;
    const cancel = [...agent.held]
      .filter(([, held]) => isDue(held))
      .map(([exec_id, held]) => {
        held.toldAt = then;
        return exec_id;
      });
    const gone = body.execs
      .filter(({ run_id, exec_id }) => !agent.held.has(exec_id) && !this.#quarantined.has(run_id))
      .map(({ exec_id }) => exec_id);
    await this.#committer.barrier();
    return { cancel, lost: [...new Set([...lost, ...gone])] };
  }

  async complete(body: CompleteBody): Promise<CompleteReply> {
    this.#checkAccepting();
    const agent = this.#agent(body.agent_id, body.claim ? reachOf(body.claim) : null);
    // held here, since more runs may be asked for than stay in memory
    const found = new Map<string, MemoryRun | null>();
    for (const { run_id } of body.completions)
      if (!found.has(run_id)) found.set(run_id, this.#runs.get(run_id) ?? (await this.#findQuietly(run_id)));
    const outcomes = body.completions.map((completion) =>
      this.#complete(
        body.agent_id,
        completion,
        this.#runs.get(completion.run_id) ?? found.get(completion.run_id) ?? null,
      ),
    );
    let jobs: readonly Grant[] = [];
    if (body.claim) {
      const before = this.#grantsOf(agent, body.request_id);
      jobs = before.length > 0 ? before : this.#grant(agent, { ...body.claim, request_id: body.request_id });
    }
    await this.#committer.barrier();
    return { outcomes, jobs: [...jobs] };
  }

  #complete(agent_id: string, completion: Completion, run: MemoryRun | null): CompleteReply["outcomes"][number] {
    const { run_id, stage_id, exec_id, fence } = completion;
    const refused = ({ code, message }: Problem): CompleteReply["outcomes"][number] => ({
      exec_id,
      outcome: "refused",
      code,
      message,
    });
    const number = run?.plan.numbers.get(stage_id);
    if (this.#quarantined.has(run_id)) {
      return refused({ code: "run-quarantined", message: `run ${run_id} cannot be read now: keep the bundle` });
    }
    if (run === null || number === undefined) {
      return refused({ code: "exec-unknown", message: `no exec ${exec_id} was granted for ${run_id}/${stage_id}` });
    }
    const holder = { stage_id, exec_id, fence, agent_id };
    const exec = checkHolder(run.stage(number), holder);
    if (!exec.ok) return refused(exec.error);
    const { spec, exec_digest } = run.plan.stages[number]!;
    if (spec.kind !== "exec" || exec_digest === null)
      return refused({ code: "exec-unknown", message: `${stage_id} is a gate` });
    const { plan_digest, policy_digest } = run.plan;
    const granted = { run_id, ...holder, exec_digest, plan_digest, policy_digest, commands: spec.exec.commands };
    const report = readReport(completion.report, granted, this.#ports);
    if (!report.ok) return refused(report.error);
    const events = this.#decide(run, { type: "complete", ...holder, report: report.value });
    if (!events.ok) return refused(events.error);
    if (events.value.length === 0) return { exec_id, outcome: "repeated" };
    void this.#accept(run, events.value);
    return { exec_id, outcome: "accepted" };
  }

  // time

  /** What is due by now: leases that have passed, backoffs that are over. */
  #tick(): void {
    this.#wakeAt = null;
    if (this.#closed) return;
    const now = this.#ports.clock.now();
    for (const agent of this.#agents.values()) {
      for (const [exec_id, { run, number }] of agent.held) {
        const { state } = run.stage(number);
        if (state.status !== "running" || state.lease_deadline > now) continue;
        const { stage_id } = run.plan.stages[number]!;
        this.#ports.log("warn", "lease expired", { run_id: run.run_id, stage_id, exec_id, agent_id: agent.agent_id });
        this.#actQuietly(run, { type: "expire", stage_id, exec_id });
      }
    }
    for (const { run, number } of this.#backingOff.values()) {
      const { state } = run.stage(number);
      if (state.status !== "pending" || state.due === null || state.due > now) continue;
      this.#actQuietly(run, { type: "requeue", stage_id: run.plan.stages[number]!.stage_id });
    }
    this.#schedule();
  }

  #schedule(): void {
    let at = Number.POSITIVE_INFINITY;
    for (const agent of this.#agents.values()) {
      for (const { run, number } of agent.held.values()) at = Math.min(at, dueOf(run, number));
    }
    for (const { run, number } of this.#backingOff.values()) at = Math.min(at, dueOf(run, number));
    this.#wakeBy(at);
  }

  #wakeBy(at: number): void {
    if (at === Number.POSITIVE_INFINITY || this.#closed || (this.#wakeAt !== null && this.#wakeAt.at <= at)) return;
    this.#wakeAt?.cancel();
    const cancel = this.#ports.clock.after(Math.max(0, at - this.#ports.clock.now()), () => this.#tick());
    this.#wakeAt = { at, cancel };
  }

  // the one way in

  #decide(run: MemoryRun, action: Action): Result<readonly RunEvent[], Problem> {
    return transition(run, action, this.#ports.clock.now());
  }

  async #act(run: MemoryRun, action: Action): Promise<void> {
    const events = must(this.#decide(run, action));
    if (events.length === 0) return this.#committer.barrier();
    if (!this.#runs.has(run.run_id)) {
      throw new ProblemError({ code: "run-settled", message: `run ${run.run_id} has ${run.head.status} already` });
    }
    return this.#accept(run, events);
  }

  #actQuietly(run: MemoryRun, action: Action): void {
    const events = this.#decide(run, action);
    // a refusal here means that what was due has happened otherwise
    if (events.ok && events.value.length > 0) void this.#accept(run, events.value);
  }

  /** Carries events out in memory and hands them to the committer. Never awaits before both are done. */
  #accept(
    run: MemoryRun,
    events: readonly RunEvent[],
    extra: { submitted?: Submitted; reopened?: boolean } = {},
  ): Promise<void> {
    const at = this.#ports.clock.wall();
    const now = this.#ports.clock.now();
    const recorded: Recorded[] = [];
    try {
      for (const event of events) {
        const next: Recorded = { ...event, seq: run.head.seq + 1, at };
        apply(run, next, now);
        recorded.push(next);
      }
    } catch (error) {
      // memory is ahead of the journal now, and nothing may be stored on top of it
      this.#break(`an event could not be applied: ${String(error)}`);
      throw error;
    }
    const changed = stagesOf(run, events);
    for (const number of changed) this.#index(run, number);
    for (const event of events) if ("exec_id" in event && event.type !== "stage_granted") this.#letGo(event);
    if (extra.submitted) this.#projector.create(run);
    else this.#projector.mark(run, changed);
    if (run.head.stopping !== null) this.#tellAgents(run);
    const stored = this.#committer.add(run.run_id, recorded, extra);
    stored.catch(() => {});
    return stored;
  }

  /** Keeps what is looked up by stage: the queue, the held execs, the backoffs. */
  #index(run: MemoryRun, number: number): void {
    const { state } = run.stage(number);
    const key = `${run.run_id}/${number}`;
    this.#backingOff.delete(key);
    switch (state.status) {
      case "queued":
        this.#queue.push(run, number);
        this.#offerSoon();
        return;
      case "running": {
        const agent = this.#agents.get(state.agent_id) ?? this.#newAgent(state.agent_id);
        if (!agent.held.has(state.exec_id)) agent.held.set(state.exec_id, { run, number, toldAt: null });
        this.#holders.set(state.exec_id, agent);
        this.#wakeBy(state.lease_deadline);
        return;
      }
      case "pending":
        if (state.due === null) return;
        this.#backingOff.set(key, { run, number, toldAt: null });
        this.#wakeBy(state.due);
        return;
      case "needs_human":
      case "succeeded":
      case "failed":
      case "skipped":
      case "cancelled":
        return;
    }
  }

  /** An exec ended. Its agent knows, unless it was we who took the lease back. */
  #letGo(event: RunEvent & { readonly exec_id: string }): void {
    const agent = this.#holders.get(event.exec_id);
    if (agent === undefined) return;
    this.#holders.delete(event.exec_id);
    agent.held.delete(event.exec_id);
    if (event.type !== "lease_lost" || event.cause !== "expired") return;
    this.#heartbeats.offer((agent_id) => (agent_id === agent.agent_id ? true : undefined));
  }

  #tellAgents(run: MemoryRun): void {
    const holders = new Set<string>();
    for (const agent of this.#agents.values()) {
      for (const held of agent.held.values())
        if (held.run === run && isDue(held) && held.toldAt === null) holders.add(agent.agent_id);
    }
    if (holders.size > 0) this.#heartbeats.offer((agent_id) => (holders.has(agent_id) ? true : undefined));
  }

  #cancelsDue(agent: Agent, now: number): HeldExec[] {
    return [...agent.held.values()].filter(
      (held) => isDue(held) && (held.toldAt === null || now - held.toldAt >= TOLD_AGAIN_MS),
    );
  }

  /** Gives queued jobs to parked claims, once this turn is over: a completing agent takes its own share first. */
  #offerSoon(): void {
    if (this.#offering || this.#claims.size === 0) return;
    this.#offering = true;
    queueMicrotask(() => {
      this.#offering = false;
      this.#claims.offer((key) => {
        const wish = this.#wishes.get(key);
        if (wish === undefined || this.#closed) return undefined;
        const grants = this.#grant(wish.agent, wish.body);
        if (grants.length === 0) return undefined;
        this.#wishes.delete(key);
        return grants;
      });
    });
  }

  #grant(agent: Agent, { request_id, jobs_max, ...reach }: ClaimWish["body"]): readonly Grant[] {
    const grants: Grant[] = [];
    if (this.#ports.frozen?.()) return grants;
    while (grants.length < jobs_max && !this.#closed) {
      const next = this.#queue.take(reach);
      if (next === undefined) break;
      const { run, number } = next;
      const events = this.#decide(run, {
        type: "grant",
        stage_id: run.plan.stages[number]!.stage_id,
        exec_id: this.#ulid(),
        agent_id: agent.agent_id,
        request_id,
        lease_ms: this.#options.lease_ms,
      });
      if (!events.ok) continue;
      void this.#accept(run, events.value);
      grants.push(this.#grantOf(run, number));
    }
    return grants;
  }

  /** What an earlier answer to the same request granted, as far as it is still held. */
  #grantsOf(agent: Agent, request_id: string): readonly Grant[] {
    const grants: Grant[] = [];
    for (const { run, number } of agent.held.values()) {
      const { state } = run.stage(number);
      if (state.status === "running" && state.request_id === request_id) grants.push(this.#grantOf(run, number));
    }
    return grants;
  }

  #grantOf(run: MemoryRun, number: number): Grant {
    const { stage_id, spec, exec_digest, requires } = run.plan.stages[number]!;
    const stage = run.stage(number);
    const { state, released } = stage;
    if (state.status !== "running" || spec.kind !== "exec" || exec_digest === null) {
      throw new TypeError("only a running exec stage has a grant");
    }
    const attempt = stage.jobs.length;
    return {
      job_id: jobId(run.run_id, stage_id, attempt),
      run_id: run.run_id,
      stage_id,
      exec_id: state.exec_id,
      attempt,
      fence: state.fence,
      lease_ms: state.lease_ms,
      expires_at: rfc3339(this.#ports.clock.wall() + state.lease_ms),
      exec: spec.exec as Grant["exec"],
      exec_digest,
      plan_digest: run.plan.plan_digest,
      policy_digest: run.plan.policy_digest,
      workspace: run.head.workspace,
      role: run.head.by.role,
      approval: released === null ? null : { digest: released.digest, by: released.by.name, at: rfc3339(released.at) },
      requires: requires.map((required) => {
        const { stage_id: required_id } = run.plan.stages[required]!;
        const { state: done, execs } = run.stage(required);
        const exec_id = done.status === "succeeded" ? done.exec_id : null;
        const end = execs.find((exec) => exec.exec_id === exec_id)?.end;
        return {
          stage_id: required_id,
          exec_id,
          manifest_sha256: end && "result" in end ? end.result.manifest_sha256 : null,
          outputs: done.status === "succeeded" ? { ...done.outputs } : {},
          bundle: exec_id === null ? null : bundlePath(run.run_id, required_id, exec_id),
        };
      }),
    };
  }

  /** An agent that speaks to us. */
  #agent(agent_id: string, reach: AgentReach | null): Agent {
    const agent = this.#agents.get(agent_id) ?? this.#newAgent(agent_id);
    if (reach !== null) agent.reach = reach;
    agent.seen = this.#ports.clock.now();
    return agent;
  }

  #newAgent(agent_id: string): Agent {
    const forgotten = this.#ports.clock.now() - AGENT_SEEN_MS;
    for (const [other, { held, seen }] of this.#agents) {
      if (this.#agents.size < AGENTS_MAX) break;
      if (held.size === 0 && seen < forgotten) this.#agents.delete(other);
    }
    const agent: Agent = { agent_id, reach: { labels: [] }, seen: Number.NEGATIVE_INFINITY, held: new Map() };
    this.#agents.set(agent_id, agent);
    return agent;
  }

  // runs in and out of memory

  async #find(run_id: string): Promise<MemoryRun> {
    const run = this.#runs.get(run_id) ?? this.#finished.get(run_id);
    if (run !== undefined) return run;
    const error = this.#quarantined.get(run_id);
    if (error !== undefined) {
      throw new ProblemError({
        code: "run-quarantined",
        message: `run ${run_id} was set aside when the daemon started: ${error}`,
        hint: "the other runs go on; its bundles and its journal are untouched",
      });
    }
    let loaded: MemoryRun | null;
    try {
      loaded = await loadRun(this.#ports.store, this.#plans, run_id, this.#ports.clock.now());
    } catch (failure) {
      if (!(failure instanceof RunUnreadable)) throw failure;
      throw new ProblemError({ code: "run-quarantined", message: `run ${run_id} cannot be read: ${failure.message}` });
    }
    // it may have become active, or been loaded by another, while the journal was read
    const meanwhile = this.#runs.get(run_id) ?? this.#finished.get(run_id);
    if (meanwhile !== undefined) return meanwhile;
    if (loaded === null) throw new ProblemError({ code: "run-unknown", message: `no run has the id ${run_id}` });
    this.#remember(loaded);
    return loaded;
  }

  async #findQuietly(run_id: string): Promise<MemoryRun | null> {
    return this.#find(run_id).catch((error: unknown) => {
      if (!(error instanceof ProblemError)) throw error;
      return null;
    });
  }

  #remember(run: MemoryRun): void {
    this.#finished.delete(run.run_id);
    this.#finished.set(run.run_id, run);
    for (const oldest of this.#finished.keys()) {
      if (this.#finished.size <= FINISHED_MAX) return;
      this.#finished.delete(oldest);
    }
  }

  #forget(run: MemoryRun): void {
    this.#runs.delete(run.run_id);
    this.#remember(run);
    for (const resolve of this.#completing.get(run.run_id) ?? []) resolve();
    this.#completing.delete(run.run_id);
  }

  #stageNumber(run: MemoryRun, stage_id: string): number {
    const number = run.plan.numbers.get(stage_id);
    if (number === undefined) {
      throw new ProblemError({ code: "stage-not-found", message: `run ${run.run_id} has no stage ${stage_id}` });
    }
    return number;
  }

  async #read<T>(run: MemoryRun, render: (run: MemoryRun) => T): Promise<T> {
    const view = render(run);
    await this.#committer.barrier();
    return view;
  }

  #checkAccepting(): void {
    const reason = this.accepting;
    if (reason !== null)
      throw new ProblemError({ code: "not-accepting", message: reason, hint: "try again after its restart" });
  }

  async #waitForBacklog(): Promise<void> {
    if (this.#projector.backlog < this.#options.backlog_max) return;
    const late = new Promise<"late">((resolve) => this.#ports.clock.after(OVERLOADED_WAIT_MS, () => resolve("late")));
    if ((await Promise.race([this.#projector.below(this.#options.backlog_max), late])) === "late") {
      throw new ProblemError({
        code: "overloaded",
        message: `the records of ${this.#projector.backlog} stages wait to be written`,
        hint: "submit again in a while, with the same Idempotency-Key",
      });
    }
  }

  #ulid(): string {
    return makeUlid(this.#ports.clock.wall(), this.#ports.random(10));
  }

  #release(): void {
    this.#wakeAt?.cancel();
    this.#claims.releaseAll();
    this.#heartbeats.releaseAll();
    this.#followers.close();
    for (const waiting of this.#completing.values()) for (const resolve of waiting) resolve();
    this.#completing.clear();
  }

  /** Writes what waits and lets everybody go. The store stays open: it is the caller's. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#release();
      await this.#committer.barrier().catch(() => {});
      await this.#projector.drain();
    }
    this.#projector.stop();
  }
}

function must<T>(result: Result<T, Problem>): T {
  if (!result.ok) throw new ProblemError(result.error);
  return result.value;
}

const reachOf = ({ labels, workspace_roots }: AgentReach): AgentReach => ({ labels, workspace_roots });

const isDue = ({ run, number }: HeldExec): boolean => cancelIsDue(run, run.stage(number));

function dueOf(run: MemoryRun, number: number): number {
  const { state } = run.stage(number);
  if (state.status === "running") return state.lease_deadline;
  return state.status === "pending" && state.due !== null ? state.due : Number.POSITIVE_INFINITY;
}

/** Gives a lease its full time again, if this agent still holds it. Changes no status and leaves no event. */
function renewLease(
  run: MemoryRun,
  number: number,
  holder: { stage_id: string; exec_id: string; fence: number; agent_id: string },
  now: number,
): boolean {
  const stage = run.stage(number);
  const { state } = stage;
  if (state.status !== "running" || state.exec_id !== holder.exec_id) return false;
  if (!checkHolder(stage, holder).ok) return false;
  run.put({ ...stage, state: { ...state, lease_deadline: now + state.lease_ms } });
  return true;
}
