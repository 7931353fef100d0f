import {
  type Action,
  type Actor,
  apply,
  canonicalJson,
  type ClaimBody,
  type Clock,
  type CompleteBody,
  type CompleteReply,
  type Decision,
  type Frozen,
  type Grant,
  type HeartbeatBody,
  type HeartbeatReply,
  makePlan,
  makeUlid,
  MemoryRun,
  type Problem,
  ProblemError,
  type Random,
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
  type Why,
  why,
  type WorkflowSpec,
} from "orchestrator-core";
import type { RunRecord, Store, Submitted } from "../store/store.ts";
import { Alarm } from "./alarm.ts";
import { Committer } from "./committer.ts";
import { Dispatch } from "./dispatch.ts";
import { Followers } from "./followers.ts";
import { Plans, RunUnreadable, stagesOf } from "./load.ts";
import { Projector } from "./projector.ts";
import { Shelf } from "./shelf.ts";

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
  /** Of the policy that it was judged by. Left out: the machine's. */
  readonly policy_digest?: string;
  readonly by: Actor;
  /** Stages that policy wants a person to approve. */
  readonly asks: readonly string[];
  readonly idempotency_key: string | null;
}

const OVERLOADED_WAIT_MS = 30_000;
/** Of a journal that is followed, so many events are held at a time. */
const EVENTS_PAGE = 1_024;

/**
 * The single owner of the active runs. Requests come in as method calls, decisions are `transition`'s, the journal
 * is the truth.
 *
 * 1. An accepted action changes memory at once and is answered when its events are stored.
 * 2. A reader renders memory at once and is answered when all that memory held then is stored: nobody sees what a
 *    crash could take back.
 * 3. Between two awaits the owner does one thing: there are no locks, since there are no rivals.
 * 4. A lease is looked at no later than its deadline, a backoff when it is over.
 */
export class Owner {
  readonly #ports: OwnerPorts;
  readonly #options: OwnerOptions;
  readonly #committer: Committer;
  readonly #projector: Projector;
  readonly #plans: Plans;
  readonly #followers: Followers;
  readonly #shelf: Shelf;
  readonly #dispatch: Dispatch;
  readonly #alarm: Alarm;
  readonly #backingOff = new Map<string, { readonly run: MemoryRun; readonly number: number }>();
  readonly #submitting = new Map<string, Promise<{ run_id: string; plan_digest: string; body_digest: string }>>();
  readonly #completing = new Map<string, (() => void)[]>();
  readonly #reopening = new Map<string, Promise<void>>();
  #runNumber: number;
  #closed = false;
  #failure: string | null = null;

  private constructor(ports: OwnerPorts, options: OwnerOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#runNumber = ports.store.run_number_max;
    this.#plans = new Plans(ports.store);
    this.#followers = new Followers(ports.clock);
    this.#shelf = new Shelf(ports.store, this.#plans, ports.clock);
    this.#alarm = new Alarm(ports.clock, () => this.#tick());
    this.#committer = new Committer(
      ports.store,
      (stored) => this.#followers.publish(stored),
      (failure) => this.#break(`commit failed (${failure.outcome}): ${failure.message}`),
    );
    this.#projector = new Projector({
      store: ports.store,
      clock: ports.clock,
      barrier: () => this.#committer.barrier(),
      onComplete: (run) => this.#finish(run),
      onBroken: (error) => {
        if (!this.#closed) this.#break(`the records could not be written: ${String(error)}`);
      },
    });
    this.#dispatch = new Dispatch({
      clock: ports.clock,
      sha256: ports.sha256,
      manifestFlaw: ports.manifestFlaw,
      lease_ms: options.lease_ms,
      ulid: () => this.#ulid(),
      ledger: {
        decide: (run, action) => this.#decide(run, action),
        accept: (run, events) => void this.#accept(run, events),
        barrier: () => this.#committer.barrier(),
        active: (run_id) => this.#shelf.active.get(run_id),
        find: (run_id) => this.#findQuietly(run_id),
        isQuarantined: this.#shelf.isQuarantined,
        isShut: () => this.#closed || (this.#ports.frozen?.() ?? null) !== null,
      },
    });
  }

  /** Nothing is accepted any more: memory and store may differ, and the next start reads the store. */
  #break(message: string): void {
    if (this.#failure !== null) return;
    this.#failure = message;
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
    const run = await this.#shelf.load(run_id);
    if (run instanceof RunUnreadable) {
      this.#ports.log("error", "run quarantined", { run_id, error: run.message });
      return;
    }
    await this.#projector.load(run);
    for (const { number } of run.plan.stages) this.#index(run, number);
  }

  get accepting(): string | null {
    return this.#failure ?? (this.#closed ? "the daemon is stopping" : null);
  }

  /** The active runs as memory has them, which is ahead of what is stored: for checkers, never for answers. */
  active(): Iterable<Run> {
    return this.#shelf.active.values();
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
        const run = await this.#shelf.find(request.run_id);
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
    { workflow, workspace, policy_digest = this.#options.policy_digest, by, asks }: Submission,
    workflow_digest: string,
    workflow_text: string,
    request: { readonly key_digest: string; readonly body_digest: string } | null,
  ): Promise<{ run_id: string; plan_digest: string }> {
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
    this.#shelf.activate(run);
    const events = this.#decide(run, { type: "create", run_number, workflow_digest, workspace, by, asks });
    await this.#accept(run, must(events), { submitted });
    return { run_id, plan_digest: plan.plan_digest };
  }

  async list(cursor: number | undefined, limit: number): Promise<{ runs: RunSummary[]; next: number | null }> {
    const active = new Map([...this.#shelf.active.values()].map((run) => [run.head.run_number, run]));
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

  /** The same of the runs that have not ended: all of them are in memory. */
  async listOpen(cursor: number | undefined, limit: number): Promise<{ runs: RunSummary[]; next: number | null }> {
    const open = [...this.#shelf.active.values()]
      .map(runSummary)
      .filter(({ run_number, ended_at }) => ended_at === null && (cursor === undefined || run_number < cursor))
      .sort((a, b) => b.run_number - a.run_number);
    const runs = open.slice(0, limit);
    await this.#committer.barrier();
    return { runs, next: open.length > limit ? runs.at(-1)!.run_number : null };
  }

  #summaryOf(record: RunRecord): RunSummary {
    const { by_role, by_name, created_at, ended_at, projected_seq: _, status, ...rest } = record;
    const shown = this.#shelf.isQuarantined(record.run_id) ? "quarantined" : status;
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
    return this.#read(await this.#shelf.find(run_id), runView);
  }

  async showWorkflow(digest: string): Promise<unknown> {
    const text = await this.#ports.store.workflow(digest);
    if (text === null)
      throw new ProblemError({ code: "workflow-unknown", message: `no workflow has the digest ${digest}` });
    return JSON.parse(text);
  }

  async why(run_id: string, stage_id: string): Promise<Why> {
    const run = await this.#shelf.find(run_id);
    const number = this.#stageNumber(run, stage_id);
    const frozen = this.#ports.frozen?.() ?? null;
    const context = { now: this.#ports.clock.now(), agents: this.#dispatch.agents.present(), frozen };
    return this.#read(run, () => why(run, number, context));
  }

  async decide(
    run_id: string,
    stage_id: string,
    answer: { subject: Subject; decision: Decision; digest: string; note: string; by: Actor },
  ): Promise<StageView> {
    this.#checkAccepting();
    const run = await this.#shelf.find(run_id);
    const number = this.#stageNumber(run, stage_id);
    await this.#act(run, { type: "decide", stage_id, ...answer });
    return this.#read(run, () => stageView(run, number));
  }

  async cancel(run_id: string, by: Actor, note: string): Promise<RunSummary> {
    this.#checkAccepting();
    const run = await this.#shelf.find(run_id);
    await this.#act(run, { type: "cancel", by, note });
    return this.#read(run, runSummary);
  }

  /** Cancels every run of which something is running. */
  cancelRunning(by: Actor, note: string): Promise<void> {
    this.#checkAccepting();
    const held = [...this.#dispatch.agents.all()].flatMap((agent) => [...agent.held.values()]);
    for (const run of new Set(held.map(({ run }) => run))) this.#actQuietly(run, { type: "cancel", by, note });
    return this.#committer.barrier();
  }

  /** Leasing goes on: gives queued jobs to parked claims. */
  offer(): void {
    this.#dispatch.offer();
  }

  async retry(run_id: string, by: Actor): Promise<RunSummary> {
    // one retry at a time; and a run whose last records are on their way is loaded anew once they are written
    for (;;) {
      this.#checkAccepting();
      const other = this.#reopening.get(run_id);
      if (other !== undefined) await other;
      else if (this.#shelf.active.has(run_id) && this.#projector.isCompleting(run_id)) {
        await new Promise<void>((resolve) => {
          this.#completing.set(run_id, [...(this.#completing.get(run_id) ?? []), resolve]);
        });
      } else break;
    }
    const run = this.#shelf.active.get(run_id);
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
    const run = await this.#shelf.find(run_id);
    must(this.#decide(run, { type: "retry", by }));
    await this.#projector.load(run);
    const events = must(this.#decide(run, { type: "retry", by }));
    this.#shelf.activate(run);
    await this.#accept(run, events, { reopened: true });
    return run;
  }

  async query(surql: string): Promise<readonly unknown[]> {
    return this.#ports.store.query(surql);
  }

  /** Throws where there is no such run, or none that can be read. */
  async mustKnow(run_id: string): Promise<void> {
    await this.#shelf.find(run_id);
  }

  /**
   * The run's events after `after_seq`, then those to come, until it settles or the caller goes away: in portions, which
   * are the same arrays for all who have come as far.
   */
  async *events(run_id: string, after_seq: number, signal: AbortSignal): AsyncGenerator<readonly Recorded[]> {
    const run = await this.#shelf.find(run_id);
    const follower = this.#followers.follow(run_id);
    const stop = (): void => follower.stop();
    signal.addEventListener("abort", stop);
    try {
      let last = after_seq;
      // first what is stored, a page at a time, and again whenever the reader was too slow for what followed
      let behind = true;
      while (!signal.aborted && !this.#closed) {
        const next: readonly Recorded[] | null = behind ? await this.#stored(run_id, last) : await follower.take();
        behind = behind ? next?.length !== 0 : next === null;
        const portion = after(next ?? [], last);
        if (portion.length > 0) {
          last = portion.at(-1)!.seq;
          yield portion;
        }
        if (!behind && last >= run.head.seq && run.head.status !== "running") return;
      }
    } finally {
      signal.removeEventListener("abort", stop);
      follower.stop();
    }
  }

  async #stored(run_id: string, after_seq: number): Promise<readonly Recorded[]> {
    const rows = await this.#ports.store.journal(run_id, after_seq, EVENTS_PAGE);
    return rows.flatMap((row) => JSON.parse(row.events) as Recorded[]);
  }

  // what agents ask

  async claim(body: ClaimBody, signal?: AbortSignal): Promise<readonly Grant[]> {
    this.#checkAccepting();
    return this.#dispatch.claim(body, signal);
  }

  async heartbeat(body: HeartbeatBody, signal?: AbortSignal): Promise<HeartbeatReply> {
    this.#checkAccepting();
    return this.#dispatch.heartbeat(body, signal);
  }

  async complete(body: CompleteBody): Promise<CompleteReply> {
    this.#checkAccepting();
    return this.#dispatch.complete(body);
  }

  // time

  /** What is due by now: leases that have passed, backoffs that are over. */
  #tick(): void {
    if (this.#closed) return;
    const now = this.#ports.clock.now();
    for (const agent of this.#dispatch.agents.all()) {
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
    for (const agent of this.#dispatch.agents.all()) {
      for (const { run, number } of agent.held.values()) at = Math.min(at, dueOf(run, number));
    }
    for (const { run, number } of this.#backingOff.values()) at = Math.min(at, dueOf(run, number));
    this.#alarm.by(at);
  }

  // the one way in

  #decide(run: MemoryRun, action: Action): Result<readonly RunEvent[], Problem> {
    return transition(run, action, this.#ports.clock.now());
  }

  async #act(run: MemoryRun, action: Action): Promise<void> {
    const events = must(this.#decide(run, action));
    if (events.length === 0) return this.#committer.barrier();
    if (!this.#shelf.active.has(run.run_id)) {
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
    for (const event of events) if ("exec_id" in event && event.type !== "stage_granted") this.#dispatch.ended(event);
    if (extra.submitted) this.#projector.create(run);
    else this.#projector.mark(run, changed);
    if (run.head.stopping !== null) this.#dispatch.stopping(run);
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
        this.#dispatch.queued(run, number);
        return;
      case "running":
        this.#dispatch.agents.hold(state.agent_id, state.exec_id, run, number);
        this.#alarm.by(state.lease_deadline);
        return;
      case "pending":
        if (state.due === null) return;
        this.#backingOff.set(key, { run, number });
        this.#alarm.by(state.due);
        return;
      case "needs_human":
      case "succeeded":
      case "failed":
      case "skipped":
      case "cancelled":
        return;
    }
  }

  // runs in and out of memory

  async #findQuietly(run_id: string): Promise<MemoryRun | null> {
    return this.#shelf.find(run_id).catch((error: unknown) => {
      if (!(error instanceof ProblemError)) throw error;
      return null;
    });
  }

  #finish(run: MemoryRun): void {
    this.#shelf.finish(run);
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
    this.#alarm.off();
    this.#dispatch.release();
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

/** The same array where all of them came later. */
const after = (events: readonly Recorded[], seq: number): readonly Recorded[] =>
  events[0] === undefined || events[0].seq > seq ? events : events.filter((event) => event.seq > seq);

function dueOf(run: MemoryRun, number: number): number {
  const { state } = run.stage(number);
  if (state.status === "running") return state.lease_deadline;
  return state.status === "pending" && state.due !== null ? state.due : Number.POSITIVE_INFINITY;
}
