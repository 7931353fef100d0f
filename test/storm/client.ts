import { setTimeout as pause } from "node:timers/promises";
import type { Decision, Recorded, RunView, Why } from "orchestrator-core";
import type { Cluster } from "../cluster.ts";
import type { Ack } from "./law.ts";
import type { Dice } from "./random.ts";
import type { Plan } from "./workload.ts";

/** What one client was told, in the order in which it was told. */
export interface ClientLog {
  readonly acks: Ack[];
  /** Answers that make no sense: an empty `why`, a refusal of what must be taken. */
  readonly odd: string[];
  /** Requests that got no answer and were repeated. */
  unanswered: number;
}

export const newLog = (): ClientLog => ({ acks: [], odd: [], unanswered: 0 });

/** A run that a client has submitted. */
export interface Followed {
  readonly run_id: string;
  readonly plan: Plan;
  end: string | null;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** An earlier try got no answer, and may have been carried out. */
  readonly again: boolean;
}

const TIMEOUT_MS = 4_000;
const ENDED = new Set(["succeeded", "failed", "cancelled"]);

/** A person or program that uses the API: repeats what got no answer, and writes down what it was answered. */
export class StormClient {
  readonly #cluster: Cluster;
  readonly #log: ClientLog;
  readonly #dice: Dice;
  readonly #over: AbortSignal;

  /** `over`: the storm gives up on what has not ended. */
  constructor(cluster: Cluster, log: ClientLog, dice: Dice, over: AbortSignal) {
    this.#cluster = cluster;
    this.#log = log;
    this.#dice = dice;
    this.#over = over;
  }

  async submit(plan: Plan, key: string): Promise<Followed | null> {
    const { workspace } = this.#cluster;
    const answer = await this.#ask(
      "POST",
      "/v1/runs",
      { workflow: plan.workflow, workspace },
      { "idempotency-key": key },
    );
    if (answer === null) return null;
    if (answer.status !== 201) throw new Error(`submit: ${JSON.stringify(answer.body)}`);
    const { run_id } = answer.body as { run_id: string };
    this.#log.acks.push({ kind: "submitted", run_id, key });
    return { run_id, plan, end: null };
  }

  /** Stays with the run until it has ended as its plan wants. */
  async follow(run: Followed): Promise<void> {
    const watching = new AbortController();
    const watched = this.#watch(run.run_id, AbortSignal.any([watching.signal, this.#over]));
    await this.#steer(run);
    watching.abort();
    await watched;
  }

  async #steer(run: Followed): Promise<void> {
    const { run_id, plan } = run;
    const cancel_at = plan.cancel_after_ms === null ? Number.POSITIVE_INFINITY : Date.now() + plan.cancel_after_ms;
    let cancelled = false;
    let retries = 0;
    for (;;) {
      const view = await this.#show(run_id);
      if (view === null) return;
      const { status } = view.run;
      if (ENDED.has(status)) {
        if (status !== "failed" || retries === plan.retries) {
          run.end = status;
          return;
        }
        retries++;
        await this.#act(run_id, "retry", {}, { kind: "retried", run_id }, ["run-not-settled"]);
        continue;
      }
      if (Date.now() >= cancel_at && !cancelled) {
        cancelled = true;
        await this.#act(run_id, "cancel", {}, { kind: "cancelled", run_id }, ["run-settled"]);
      }
      for (const { stage_id, question } of view.stages) {
        if (question !== null) await this.#answer(run, stage_id, question);
      }
      await this.#why(view);
      await pause(this.#dice.between(40, 250));
    }
  }

  async #answer(
    { run_id, plan }: Followed,
    stage_id: string,
    question: { subject: string; digest: string },
  ): Promise<void> {
    const lost: Decision = this.#dice.chance(0.7) ? "retry" : "mark_succeeded";
    const decision = question.subject === "lost_lease" ? lost : (plan.gates[stage_id] ?? "approve");
    const { subject, digest } = question;
    const path = `stages/${stage_id}/decide`;
    await this.#act(run_id, path, { subject, decision, digest }, { kind: "decided", run_id, stage_id, decision }, []);
  }

  async #act(run_id: string, path: string, body: object, ack: Ack, expected: readonly string[]): Promise<void> {
    const answer = await this.#ask("POST", `/v1/runs/${run_id}/${path}`, body);
    if (answer === null) return;
    if (answer.status === 200) {
      this.#log.acks.push(ack);
      return;
    }
    const { code } = answer.body as { code?: string };
    // an unanswered try may have been carried out, and the world may have gone on since
    if (!answer.again && !expected.includes(code ?? "")) this.#log.odd.push(`${path}: ${JSON.stringify(answer.body)}`);
  }

  async #show(run_id: string): Promise<RunView | null> {
    const answer = await this.#ask("GET", `/v1/runs/${run_id}`);
    if (answer === null) return null;
    if (answer.status !== 200) throw new Error(`show: ${JSON.stringify(answer.body)}`);
    const view = answer.body as RunView;
    const statuses = Object.fromEntries(view.stages.map(({ stage_id, status }) => [stage_id, status]));
    this.#log.acks.push({ kind: "shown", run_id, seq: view.seq, statuses });
    return view;
  }

  async #why(view: RunView): Promise<void> {
    const { stage_id } = this.#dice.pick(view.stages);
    const answer = await this.#ask("GET", `/v1/runs/${view.run.run_id}/stages/${stage_id}/why`);
    if (answer === null) return;
    if (answer.status !== 200 || (answer.body as Why).summary === "") {
      this.#log.odd.push(`why ${stage_id}: ${JSON.stringify(answer.body)}`);
    }
  }

  /** Reads the run's events as they come, and goes on where it was cut off; now and then from the beginning. */
  async #watch(run_id: string, until: AbortSignal): Promise<void> {
    let last = 0;
    while (!until.aborted) {
      if (this.#dice.chance(0.1)) last = 0;
      try {
        const headers = { ...this.#authorization(), "last-event-id": String(last) };
        const reply = await fetch(`${this.#cluster.url}/v1/runs/${run_id}/events`, { headers, signal: until });
        let text = "";
        for await (const bytes of reply.body ?? []) {
          text += Buffer.from(bytes as Uint8Array).toString("utf8");
          const frames = text.split("\n\n");
          text = frames.pop() ?? "";
          for (const frame of frames) {
            const data = /^data: (.*)$/m.exec(frame)?.[1];
            if (data === undefined) continue;
            const event = JSON.parse(data) as Recorded;
            if (event.seq !== last + 1) this.#log.odd.push(`${run_id}: event ${event.seq} after ${last}`);
            last = event.seq;
            this.#log.acks.push({ kind: "event", run_id, event });
          }
        }
      } catch {
        // the daemon died, or we left
      }
      await pause(this.#dice.between(20, 120));
    }
  }

  #authorization = (): { authorization: string } => ({ authorization: `Bearer ${this.#cluster.token()}` });

  /** Null: the storm is over. */
  async #ask(
    method: "GET" | "POST",
    path: string,
    body?: unknown,
    more: Record<string, string> = {},
  ): Promise<Answer | null> {
    for (let again = false; !this.#over.aborted; again = true) {
      try {
        const reply = await fetch(this.#cluster.url + path, {
          method,
          headers: { ...this.#authorization(), "content-type": "application/json", ...more },
          signal: AbortSignal.timeout(TIMEOUT_MS),
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const value: unknown = await reply.json();
        if (reply.status < 500) return { status: reply.status, body: value, again };
      } catch {
        // no daemon, or one that died before it had answered
      }
      this.#log.unanswered++;
      await pause(this.#dice.between(30, 150));
    }
    return null;
  }
}
