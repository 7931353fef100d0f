import { type ClaimBody, type Completion, type Grant, makeUlid } from "orchestrator-core";
import { backoff, type Link, pause } from "./link.ts";
import type { Log } from "./log.ts";
import { times } from "./options.ts";
import type { Ports } from "./ports.ts";
import { type Outcome, refusedBy } from "./reports.ts";
import type { Tuning } from "./tuning.ts";

/**
 * What is said about jobs: how execs ended, and what comes next.
 *
 * 1. At most one request that claims is under way, so the daemon can never grant more than was wanted.
 * 2. At most one `complete` is under way; what ends meanwhile goes into the next one. It claims as well, unless a
 *    claim is parked: so each stage of a chain costs one request.
 * 3. A claim is parked only while a slot is free, nothing is being reported, and what runs is not about to end. But an
 *    answer that gave all that was asked for is followed by the next claim at once: there may be more.
 * 4. A request that got no answer is repeated with its request_id until it is answered.
 */
export interface Exchange {
  report(completion: Completion): void;
  /** Something changed that may call for a claim. */
  nudge(): void;
  /** Reports not answered yet. */
  unanswered(): number;
  /** Takes a parked claim back, so that nothing is granted to an agent that goes. What comes all the same is taken. */
  withdraw(): Promise<void>;
  /** A claim may still be answered with grants. */
  claiming(): boolean;
}

export interface ExchangeParts {
  readonly ports: Pick<Ports, "clock" | "random">;
  readonly link: Link;
  readonly log: Log;
  readonly tuning: Tuning;
  readonly agent_id: string;
  /** Which jobs it can take. */
  readonly reach: { readonly labels: readonly string[]; readonly workspace_roots: readonly string[] };
  /** Slots without a job, running or waiting. */
  readonly free: () => number;
  /** How many jobs to ask for: free slots and those beyond. 0 when none are wanted. */
  readonly wanted: () => number;
  readonly running: () => number;
  /** `sent`: when the request was sent that these were granted to. */
  readonly take: (grants: readonly Grant[], sent: number) => void;
  readonly answered: (completion: Completion, outcome: Outcome) => void;
}

const COMPLETIONS_MAX = 256;
const COMPLETIONS_CHARS_MAX = 8 * 1024 * 1024;
const JOBS_MAX = 256;

export function makeExchange(parts: ExchangeParts): Exchange {
  const { link, log, tuning, agent_id } = parts;
  const { clock, random } = parts.ports;
  const reach = { labels: [...parts.reach.labels], workspace_roots: [...parts.reach.workspace_roots] };
  const outbox: Completion[] = [];
  let under_way: readonly Completion[] = [];
  let completing = false;
  /** One will be under way once this turn is over. */
  let about = false;
  let claiming = false;
  let parked: ClaimBody | null = null;
  let claimed: Promise<void> = Promise.resolve();
  let empty_claims = 0;
  let lease_ms: number = times.lease_ms_assumed;
  /** How many of the outbox go one by one, since together they were refused. */
  let singly = 0;
  let heard = clock.now();
  let full = false;
  let clear = (): void => undefined;

  /**
   * Of a report. What is granted meanwhile may have to be handed back within its lease, by the next one. But a large one may
   * need its time.
   */
  const timeout = (tries: number): number => Math.min(lease_ms, (lease_ms / 4) * 2 ** tries);

  const requestId = (): string => makeUlid(clock.wall(), random(10));

  function nudge(): void {
    clear();
    if (completing || about) return;
    if (outbox.length > 0) {
      if (parts.running() === 0) void complete();
      else {
        // what ends in the same turn goes along: many short stages are not one request, and then another
        about = true;
        clock.after(0, () => {
          about = false;
          void complete();
        });
      }
      return;
    }
    if (claiming || parts.free() <= 0 || parts.wanted() <= 0) return;
    const settle_ms = parts.running() === 0 || full ? 0 : heard + tuning.settle_ms() - clock.now();
    if (settle_ms <= 0) claimed = claim();
    else clear = clock.after(settle_ms, nudge);
  }

  function take(grants: readonly Grant[], sent: number, asked: number): void {
    heard = clock.now();
    full = asked > 0 && grants.length >= asked;
    for (const grant of grants) lease_ms = grant.lease_ms;
    parts.take(grants, sent);
  }

  async function claim(): Promise<void> {
    claiming = true;
    const wait_ms = Math.min(times.claim_wait_ms_max, Math.floor(lease_ms / 2));
    const body = { agent_id, request_id: requestId(), jobs_max: Math.min(parts.wanted(), JOBS_MAX), wait_ms, ...reach };
    parked = body;
    const wanted = (): boolean => parked === body;
    const answer = await link.askUntilAnswered("claim", { body }, () => wait_ms + times.answer_ms, wanted);
    if (answer === null || !wanted()) {
      if (answer?.result.ok) take(answer.result.value.jobs, answer.sent, body.jobs_max);
      claiming = false;
      return;
    }
    parked = null;
    if (answer.result.ok) {
      const { jobs } = answer.result.value;
      take(jobs, answer.sent, body.jobs_max);
      // an empty answer that came at once would have us ask for ever
      const hasty = jobs.length === 0 && clock.now() - answer.sent < wait_ms / 2;
      empty_claims = hasty ? empty_claims + 1 : 0;
    } else {
      log.error("claim_refused", { code: answer.result.error.code, message: answer.result.error.detail });
      empty_claims++;
    }
    if (empty_claims > 0) await pause(clock, backoff(empty_claims, random));
    claiming = false;
    nudge();
  }

  function nextBatch(): Completion[] {
    let chars = 0;
    let count = 0;
    for (const { report } of outbox) {
      chars += report.kind === "manifest" ? report.manifest.length : 0;
      if (count > 0 && (singly > 0 || count === COMPLETIONS_MAX || chars > COMPLETIONS_CHARS_MAX)) break;
      count++;
    }
    singly = Math.max(0, singly - count);
    return outbox.splice(0, count);
  }

  async function complete(): Promise<void> {
    completing = true;
    const completions = nextBatch();
    under_way = completions;
    const jobs_max = claiming ? 0 : Math.min(parts.wanted(), JOBS_MAX);
    const body = {
      agent_id,
      request_id: requestId(),
      completions,
      ...(jobs_max > 0 ? { claim: { jobs_max, ...reach } } : {}),
    };
    const answer = await link.askUntilAnswered("complete", { body }, timeout);
    if (answer === null) return;
    under_way = [];
    if (answer.result.ok) {
      tuning.exchangeTook(clock.now() - answer.sent);
      const { outcomes, jobs } = answer.result.value;
      const byExec = new Map(outcomes.map((outcome) => [outcome.exec_id, outcome]));
      take(jobs, answer.sent, jobs_max);
      for (const completion of completions) settle(completion, byExec.get(completion.exec_id));
    } else if (completions.length > 1) {
      outbox.unshift(...completions);
      singly = completions.length;
    } else {
      const [completion] = completions;
      settle(completion!, refusedBy(completion!.exec_id, answer.result.error));
    }
    completing = false;
    nudge();
  }

  function settle(completion: Completion, outcome: Outcome | undefined): void {
    if (outcome !== undefined) parts.answered(completion, outcome);
    else {
      // an answer that passes over what it was asked is none
      log.error("outcome_missing", { exec_id: completion.exec_id });
      outbox.push(completion);
    }
  }

  return {
    report(completion) {
      outbox.push(completion);
      nudge();
    },
    nudge,
    unanswered: () => outbox.length + under_way.length,
    async withdraw() {
      if (parked === null) return;
      // the same request again, without waiting: the daemon lets the parked one go and answers this one, and then both
      const body = { ...parked, wait_ms: 0 };
      parked = null;
      const sent = clock.now();
      const result = await link.ask("claim", { body }, times.answer_ms);
      if (result?.ok) take(result.value.jobs, sent, body.jobs_max);
      await claimed;
    },
    claiming: () => claiming,
  };
}
