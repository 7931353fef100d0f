import {
  type Action,
  type AgentReach,
  checkHolder,
  type ClaimBody,
  type Clock,
  type CompleteBody,
  type CompleteReply,
  type Completion,
  type Grant,
  type HeartbeatBody,
  type HeartbeatReply,
  type Holder,
  type MemoryRun,
  type Problem,
  readReport,
  type ReportTools,
  type Result,
  type RunEvent,
} from "orchestrator-core";
import { type Agent, Agents, isDue, mustBeTold, noteAnswered, toldWait } from "./agents.ts";
import { grantOf } from "./grant.ts";
import { Parked } from "./parked.ts";
import { JobQueue } from "./queue.ts";
import { UnderWay } from "./under-way.ts";

/**
 * What agents ask: jobs, longer leases, and to be heard about how execs ended.
 *
 * 1. What is asked again, with the same `request_id`, gets the grants that it got, as far as they are held, and no others:
 *    its agent may have heard the first answer and wait for this one no more.
 * 2. Grants, renewals and the answers to reports are told when all that they follow from is stored.
 * 3. A heartbeat renews leases in memory and writes nothing: after a restart each gets its full time again.
 */
export interface DispatchParts extends ReportTools {
  readonly clock: Clock;
  readonly lease_ms: number;
  readonly ulid: () => string;
  readonly ledger: Ledger;
}

/** The owner's one way in, and where it keeps its runs. */
export interface Ledger {
  decide(run: MemoryRun, action: Action): Result<readonly RunEvent[], Problem>;
  /** Carries events out in memory and hands them to the committer. */
  accept(run: MemoryRun, events: readonly RunEvent[]): void;
  /** Resolves when all that was accepted is stored. */
  barrier(): Promise<void>;
  active(run_id: string): MemoryRun | undefined;
  /** Null: there is no such run, or none that can be read. */
  find(run_id: string): Promise<MemoryRun | null>;
  isQuarantined(run_id: string): boolean;
  /** Nothing is granted: an operator froze leasing, or the daemon ends. */
  isShut(): boolean;
}

interface ClaimWish {
  readonly agent: Agent;
  readonly body: Pick<ClaimBody, "request_id" | "jobs_max"> & AgentReach;
}

type Outcome = CompleteReply["outcomes"][number];

export class Dispatch {
  readonly agents: Agents;
  readonly #parts: DispatchParts;
  readonly #ledger: Ledger;
  readonly #queue = new JobQueue();
  readonly #claims: Parked<readonly Grant[]>;
  readonly #heartbeats: Parked<true>;
  readonly #wishes = new Map<string, ClaimWish>();
  readonly #claiming = new UnderWay<ClaimBody, readonly Grant[]>();
  readonly #completing = new UnderWay<CompleteBody, CompleteReply>();
  #offering = false;

  constructor(parts: DispatchParts) {
    this.#parts = parts;
    this.#ledger = parts.ledger;
    this.agents = new Agents(parts.clock);
    this.#claims = new Parked(parts.clock);
    this.#heartbeats = new Parked(parts.clock);
  }

  claim(body: ClaimBody, signal?: AbortSignal): Promise<readonly Grant[]> {
    return this.#claiming.join(keyOf(body), body, () => this.#claim(body, signal));
  }

  async #claim(body: ClaimBody, signal: AbortSignal | undefined): Promise<readonly Grant[]> {
    const agent = this.agents.heard(body.agent_id, reachOf(body));
    const key = keyOf(body);
    // the same request with other words: the agent takes back what it asked for
    this.#claims.release(key);
    const again = agent.answered.has(body.request_id);
    const grants = this.#grantOrRepeat(agent, body);
    if (grants.length > 0 || body.wait_ms === 0 || again) {
      noteAnswered(agent, body.request_id);
      await this.#ledger.barrier();
      return grants;
    }
    this.#wishes.set(key, { agent, body });
    // an agent that was never granted anything does not know how long leases are, and they count from its request
    const waited = await this.#claims.wait(key, Math.min(body.wait_ms, this.#parts.lease_ms / 2), signal);
    if (this.#wishes.get(key)?.body === body) this.#wishes.delete(key);
    agent.seen = this.#parts.clock.now();
    if (signal?.aborted !== true) noteAnswered(agent, body.request_id);
    if (waited === null) return [];
    await this.#ledger.barrier();
    return waited;
  }

  async heartbeat(body: HeartbeatBody, signal?: AbortSignal): Promise<HeartbeatReply> {
    const { clock } = this.#parts;
    const agent = this.agents.heard(body.agent_id, null);
    const now = clock.now();
    const lost: string[] = [];
    for (const { run_id, stage_id, exec_id, fence } of body.execs) {
      const run = this.#ledger.active(run_id);
      const number = run?.plan.numbers.get(stage_id);
      const holder = { stage_id, exec_id, fence, agent_id: body.agent_id };
      const renewed = run !== undefined && number !== undefined && renewLease(run, number, holder, now);
      // what cannot be read may be mended: its work is left alone as long as its lease
      if (!renewed && !this.#ledger.isQuarantined(run_id)) lost.push(exec_id);
    }
    if (body.wait_ms > 0 && lost.length === 0 && ![...agent.held.values()].some((held) => mustBeTold(held, now))) {
      const told = [...agent.held.values()].some(isDue);
      await this.#heartbeats.wait(agent.agent_id, told ? toldWait(body.wait_ms) : body.wait_ms, signal);
    }
    const then = clock.now();
    agent.seen = then;
    const cancel = [...agent.held]
      .filter(([, held]) => isDue(held))
      .map(([exec_id, held]) => {
        held.told_at = then;
        return exec_id;
      });
    const gone = body.execs
      .filter(({ run_id, exec_id }) => !agent.held.has(exec_id) && !this.#ledger.isQuarantined(run_id))
      .map(({ exec_id }) => exec_id);
    await this.#ledger.barrier();
    return { cancel, lost: [...new Set([...lost, ...gone])] };
  }

  complete(body: CompleteBody): Promise<CompleteReply> {
    return this.#completing.join(keyOf(body), body, () => this.#completeAll(body));
  }

  async #completeAll(body: CompleteBody): Promise<CompleteReply> {
    const agent = this.agents.heard(body.agent_id, body.claim ? reachOf(body.claim) : null);
    // held here, since more runs may be asked for than stay in memory
    const found = new Map<string, MemoryRun | null>();
    for (const { run_id } of body.completions)
      if (!found.has(run_id)) found.set(run_id, this.#ledger.active(run_id) ?? (await this.#ledger.find(run_id)));
    const outcomes = body.completions.map((completion) =>
      this.#complete(
        body.agent_id,
        completion,
        this.#ledger.active(completion.run_id) ?? found.get(completion.run_id) ?? null,
      ),
    );
    let jobs: readonly Grant[] = [];
    if (body.claim) {
      jobs = this.#grantOrRepeat(agent, { ...body.claim, request_id: body.request_id });
      noteAnswered(agent, body.request_id);
    }
    await this.#ledger.barrier();
    return { outcomes, jobs: [...jobs] };
  }

  #complete(agent_id: string, completion: Completion, run: MemoryRun | null): Outcome {
    const { run_id, stage_id, exec_id, fence } = completion;
    const refused = ({ code, message }: Problem): Outcome => ({ exec_id, outcome: "refused", code, message });
    const number = run?.plan.numbers.get(stage_id);
    if (this.#ledger.isQuarantined(run_id)) {
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
    const granted = { run_id, ...holder, exec_digest, plan_digest, policy_digest, exec: spec.exec };
    const report = readReport(completion.report, granted, this.#parts);
    if (!report.ok) return refused(report.error);
    const events = this.#ledger.decide(run, { type: "complete", ...holder, report: report.value });
    if (!events.ok) return refused(events.error);
    if (events.value.length === 0) return { exec_id, outcome: "repeated" };
    this.#ledger.accept(run, events.value);
    return { exec_id, outcome: "accepted" };
  }

  // what the owner tells

  queued(run: MemoryRun, number: number): void {
    this.#queue.push(run, number);
    this.offer();
  }

  /** An exec ended. Its agent knows, unless it was we who took the lease back. */
  ended(event: RunEvent & { readonly exec_id: string }): void {
    const agent = this.agents.letGo(event.exec_id);
    if (agent !== undefined && event.type === "lease_lost" && event.cause === "expired") this.#wake(new Set([agent]));
  }

  /** The run is stopping: who holds something of it is told at once. */
  stopping(run: MemoryRun): void {
    const holders = new Set<Agent>();
    for (const agent of this.agents.all()) {
      for (const held of agent.held.values())
        if (held.run === run && isDue(held) && held.told_at === null) holders.add(agent);
    }
    this.#wake(holders);
  }

  #wake(agents: ReadonlySet<Agent>): void {
    if (agents.size === 0) return;
    const names = new Set([...agents].map(({ agent_id }) => agent_id));
    this.#heartbeats.offer((agent_id) => (names.has(agent_id) ? true : undefined));
  }

  release(): void {
    this.#claims.releaseAll();
    this.#heartbeats.releaseAll();
  }

  // grants

  /** Gives queued jobs to parked claims, once this turn is over: a completing agent takes its own share first. */
  offer(): void {
    if (this.#offering || this.#claims.size === 0) return;
    this.#offering = true;
    queueMicrotask(() => {
      this.#offering = false;
      this.#claims.offer((key) => {
        const wish = this.#wishes.get(key);
        if (wish === undefined) return undefined;
        const grants = this.#grant(wish.agent, wish.body);
        if (grants.length === 0) return undefined;
        this.#wishes.delete(key);
        return grants;
      });
    });
  }

  /** What an earlier answer to the same request granted, as far as it is still held; where there was none, new jobs. */
  #grantOrRepeat(agent: Agent, wish: ClaimWish["body"]): readonly Grant[] {
    const before = this.#grantsOf(agent, wish.request_id);
    return before.length > 0 || agent.answered.has(wish.request_id) ? before : this.#grant(agent, wish);
  }

  #grant(agent: Agent, { request_id, jobs_max, ...reach }: ClaimWish["body"]): readonly Grant[] {
    const { clock, lease_ms, ulid } = this.#parts;
    const { agent_id } = agent;
    const grants: Grant[] = [];
    while (grants.length < jobs_max && !this.#ledger.isShut()) {
      const next = this.#queue.take(reach);
      if (next === undefined) break;
      const { run, number } = next;
      const { stage_id } = run.plan.stages[number]!;
      const grant = { type: "grant", stage_id, exec_id: ulid(), agent_id, request_id, lease_ms } as const;
      const events = this.#ledger.decide(run, grant);
      if (!events.ok) continue;
      this.#ledger.accept(run, events.value);
      grants.push(grantOf(run, number, clock.wall()));
    }
    return grants;
  }

  #grantsOf(agent: Agent, request_id: string): readonly Grant[] {
    const grants: Grant[] = [];
    for (const { run, number } of agent.held.values()) {
      const { state } = run.stage(number);
      if (state.status === "running" && state.request_id === request_id)
        grants.push(grantOf(run, number, this.#parts.clock.wall()));
    }
    return grants;
  }
}

const keyOf = ({ agent_id, request_id }: { agent_id: string; request_id: string }): string =>
  `${agent_id}\n${request_id}`;

const reachOf = ({ labels, workspace_roots }: AgentReach): AgentReach => ({ labels, workspace_roots });

/** Gives a lease its full time again, if this agent still holds it. Changes no status and leaves no event. */
function renewLease(run: MemoryRun, number: number, holder: Holder, now: number): boolean {
  const stage = run.stage(number);
  const { state } = stage;
  if (state.status !== "running" || state.exec_id !== holder.exec_id) return false;
  if (!checkHolder(stage, holder).ok) return false;
  run.put({ ...stage, state: { ...state, lease_deadline: now + state.lease_ms } });
  return true;
}
