import { type AgentReach, cancelIsDue, type Clock, type MemoryRun } from "orchestrator-core";

/** An agent that was heard of, or that held something when the daemon started. */
export interface Agent {
  readonly agent_id: string;
  reach: AgentReach;
  seen: number;
  /** By exec_id. */
  readonly held: Map<string, HeldExec>;
  /** The last requests that asked for jobs and got their answer. */
  readonly answered: Set<string>;
}

export interface HeldExec {
  readonly run: MemoryRun;
  readonly number: number;
  /** When the agent was told to end it, on our clock; null: not yet. */
  told_at: number | null;
}

const SEEN_MS = 90_000;
/** Above it, agents that hold nothing and are not heard of are forgotten. */
const AGENTS_MAX = 1_000;
const TOLD_AGAIN_MS = 2_000;
const ANSWERED_MAX = 1_024;

/** Who is there, and who holds what. Every exec that was granted is in one agent's `held` until it ends. */
export class Agents {
  readonly #clock: Clock;
  readonly #agents = new Map<string, Agent>();
  readonly #holders = new Map<string, Agent>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** An agent that speaks to us. */
  heard(agent_id: string, reach: AgentReach | null): Agent {
    const agent = this.#known(agent_id);
    if (reach !== null) agent.reach = reach;
    agent.seen = this.#clock.now();
    return agent;
  }

  hold(agent_id: string, exec_id: string, run: MemoryRun, number: number): void {
    const agent = this.#known(agent_id);
    if (!agent.held.has(exec_id)) agent.held.set(exec_id, { run, number, told_at: null });
    this.#holders.set(exec_id, agent);
  }

  /** The exec has ended. Returns the agent that held it. */
  letGo(exec_id: string): Agent | undefined {
    const agent = this.#holders.get(exec_id);
    this.#holders.delete(exec_id);
    agent?.held.delete(exec_id);
    return agent;
  }

  all = (): Iterable<Agent> => this.#agents.values();

  /** Those heard of lately. */
  present(): (AgentReach & { readonly agent_id: string })[] {
    const since = this.#clock.now() - SEEN_MS;
    return [...this.#agents.values()]
      .filter(({ seen }) => seen > since)
      .map(({ agent_id, reach }) => ({ agent_id, ...reach }));
  }

  #known(agent_id: string): Agent {
    const known = this.#agents.get(agent_id);
    if (known !== undefined) return known;
    const forgotten = this.#clock.now() - SEEN_MS;
    for (const [other, { held, seen }] of this.#agents) {
      if (this.#agents.size < AGENTS_MAX) break;
      if (held.size === 0 && seen < forgotten) this.#agents.delete(other);
    }
    const agent: Agent = {
      agent_id,
      reach: { labels: [] },
      seen: Number.NEGATIVE_INFINITY,
      held: new Map(),
      answered: new Set(),
    };
    this.#agents.set(agent_id, agent);
    return agent;
  }
}

/** This request for jobs is about to get its answer. */
export function noteAnswered({ answered }: Agent, request_id: string): void {
  answered.add(request_id);
  if (answered.size <= ANSWERED_MAX) return;
  const [oldest] = answered;
  answered.delete(oldest!);
}

/** Its agent is to end it. */
export const isDue = ({ run, number }: HeldExec): boolean => cancelIsDue(run, run.stage(number));

/** The agent has to be told now: for the first time, or again, since an answer may have been lost. */
export const mustBeTold = (held: HeldExec, now: number): boolean =>
  isDue(held) && (held.told_at === null || now - held.told_at >= TOLD_AGAIN_MS);

/** How long a heartbeat may wait that has told of a cancel. */
export const toldWait = (wait_ms: number): number => Math.min(wait_ms, TOLD_AGAIN_MS);
