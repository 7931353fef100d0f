import { createHash } from "node:crypto";
import {
  type Clock,
  type Completion,
  type CompleteReply,
  type Decision,
  type Grant,
  type HeartbeatReply,
  parseWorkflow,
  policyDigest,
  ProblemError,
  type Recorded,
  type Report,
  type RunView,
  type Subject,
} from "orchestrator-core";
import { manifestFlaw } from "../../packages/daemon/src/form.ts";
import { Owner } from "../../packages/daemon/src/owner/owner.ts";
import type { Store } from "../../packages/daemon/src/store/store.ts";
import { completion, ManualClock, operator, settle, succeeded } from "../../packages/daemon/test/owner/world.ts";
import { type Ack, type History, lostOf } from "../storm/law.ts";
import type { Disk } from "./disk.ts";

export type When = "before" | "after";

/** Where the daemon dies: at its `op`-th write. `again`: and once more at the first write of its next life. */
export interface Point {
  readonly op: number;
  readonly when: When;
  readonly again: When | null;
}

/** Longer than the projector waits. */
const LINGER_MS = 300;
const DIED = Symbol("died");
const never = (): Promise<never> => new Promise(() => {});

class Life {
  dead = false;
  /** It answers. */
  open = false;
  readonly died: Promise<typeof DIED>;
  #tell!: () => void;
  constructor() {
    this.died = new Promise((resolve) => {
      this.#tell = () => resolve(DIED);
    });
  }
  die(): void {
    this.dead = true;
    this.#tell();
  }
}

type Stages = Readonly<Record<string, unknown>>;

/**
 * A daemon's owner that dies at one of its writes, and its clients: each asks until it is answered, as real ones do,
 * and keeps what it was told.
 */
export class CrashWorld {
  readonly clock = new ManualClock();
  readonly acks: Ack[] = [];
  readonly writes: string[] = [];
  readonly broken: string[] = [];
  /** What a restart has found missing. */
  readonly lost: string[] = [];
  owner!: Owner;
  deaths = 0;
  readonly #disk: Disk;
  readonly #requires = new Map<string, ReadonlyMap<string, readonly string[]>>();
  #crashes: { op: number; when: When }[];
  readonly #again: When | null;
  #store!: Store;
  #life = new Life();
  #starting: Promise<void> | null = null;
  #ids = 0;
  #advancing = false;

  private constructor(disk: Disk, point: Point | null) {
    this.#disk = disk;
    this.#crashes = point === null ? [] : [point];
    this.#again = point?.again ?? null;
  }

  static async open(disk: Disk, point: Point | null): Promise<CrashWorld> {
    const world = new CrashWorld(disk, point);
    await world.#start(false);
    return world;
  }

  // lives

  async #start(rebuild: boolean): Promise<void> {
    for (let first = rebuild; ; first = false) {
      const life = new Life();
      this.#life = life;
      const opened = await Promise.race([this.#openOwner(life, first), life.died]);
      if (opened !== DIED && !life.dead) {
        this.owner = opened;
        life.open = true;
        // what somebody was told before must be there now, not only in the end
        this.lost.push(...lostOf(this.acks, await this.histories()));
        return;
      }
    }
  }

  async #openOwner(life: Life, rebuild: boolean): Promise<Owner> {
    const store = await this.#disk.open((name, act) => this.#write(life, name, act));
    if (rebuild) for (const run_id of await store.everyRun()) await store.dropRecords(run_id);
    this.#store = store;
    return Owner.open(
      {
        store,
        clock: this.#clockOf(life),
        random: (count) => this.#random(count),
        sha256: (text) => createHash("sha256").update(text).digest("hex"),
        manifestFlaw,
        log: () => {},
        onBroken: (message) => {
          if (!life.dead) this.broken.push(message);
        },
      },
      { lease_ms: 30_000, backlog_max: 10_000, policy_digest: policyDigest },
    );
  }

  async #write<T>(life: Life, name: string, act: () => Promise<T>): Promise<T> {
    if (life.dead) return never();
    this.writes.push(name);
    const crash = this.#crashes[0]?.op === this.writes.length ? this.#crashes.shift()! : null;
    if (crash?.when === "before") {
      await this.#linger(life);
      return this.#die(life);
    }
    const done = await act().catch((error: unknown) => {
      if (life.dead) return never();
      throw error;
    });
    if (crash?.when === "after") return this.#die(life);
    return life.dead ? never() : done;
  }

  /** A write takes time, in which everything else goes on: what does not wait for it shows itself. */
  async #linger(life: Life): Promise<void> {
    if (life.open) for (const run_id of this.#requires.keys()) void this.#look(life, run_id);
    if (this.#advancing) await settle();
    else await this.clock.advance(LINGER_MS);
  }

  async #look(life: Life, run_id: string): Promise<void> {
    const view = await this.owner.show(run_id);
    if (!life.dead) this.#shown(view);
  }

  #die(life: Life): Promise<never> {
    this.deaths++;
    if (this.deaths === 1 && this.#again !== null) {
      this.#crashes = [{ op: this.writes.length + 1, when: this.#again }];
    }
    life.die();
    return never();
  }

  /** Time of one process: it begins at zero, and nothing fires after its death. */
  #clockOf(life: Life): Clock {
    const begun = this.clock.now();
    return {
      now: () => this.clock.now() - begun,
      wall: this.clock.wall,
      after: (delay_ms, fn) =>
        this.clock.after(delay_ms, () => {
          if (!life.dead) fn();
        }),
    };
  }

  #random(count: number): Uint8Array {
    const id = ++this.#ids;
    return new Uint8Array(count).map((_, i) => (i < count - 4 ? 0 : id >>> (8 * (count - 1 - i))));
  }

  #restart(life: Life): Promise<void> {
    if (this.#life !== life && this.#starting === null) return Promise.resolve();
    this.#starting ??= this.#start(false).finally(() => {
      this.#starting = null;
    });
    return this.#starting;
  }

  /** Asks until it is answered. `again`: an earlier try may have been carried out. */
  async ask<T>(what: (owner: Owner, again: boolean) => Promise<T>): Promise<T> {
    for (let again = false; ; again = true) {
      const life = this.#life;
      const answer = await Promise.race([what(this.owner, again), life.died]);
      if (answer !== DIED && !life.dead) return answer;
      await this.#restart(life);
    }
  }

  /** Lets time pass. */
  async advance(ms: number): Promise<void> {
    const life = this.#life;
    this.#advancing = true;
    await this.clock.advance(ms);
    this.#advancing = false;
    await this.#disk.breathe();
    if (life.dead) await this.#restart(life);
  }

  /** Lets time pass until it is so. */
  async until(what: string, look: () => Promise<boolean>, step_ms = 1_000): Promise<void> {
    for (let turn = 0; turn < 400; turn++) {
      if (await look()) return;
      await this.advance(step_ms);
    }
    throw new Error(`stuck: ${what}`);
  }

  /** All records are written, and every run has ended. */
  drain(): Promise<void> {
    return this.until("the records are written", async () => (await this.#store.activeRuns()).length === 0, 250);
  }

  /** As the command does: stop, throw the records away, make them anew. */
  async rebuild(): Promise<void> {
    await this.ask((owner) => owner.close());
    this.#life.die();
    await this.#start(true);
    await this.drain();
  }

  // clients

  async submit(stages: Stages, key: string, asks: readonly string[] = [], more: Stages = {}): Promise<string> {
    const parsed = parseWorkflow({ name: "w", stages, ...more });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
    const workflow = parsed.value;
    const { run_id } = await this.ask((owner) =>
      owner.submit({ workflow, workspace: "/ws", by: operator, asks, idempotency_key: key }),
    );
    this.#requires.set(
      run_id,
      new Map(Object.entries(stages).map(([id, stage]) => [id, (stage as { requires?: string[] }).requires ?? []])),
    );
    this.acks.push({ kind: "submitted", run_id, key });
    return run_id;
  }

  async claim(agent_id: string, jobs_max = 1): Promise<readonly Grant[]> {
    const request_id = `claim-${++this.#ids}`;
    const grants = await this.ask((owner) => owner.claim({ agent_id, request_id, jobs_max, wait_ms: 0, labels: [] }));
    for (const grant of grants) this.acks.push({ kind: "granted", ...namesOf(grant) });
    return grants;
  }

  /** Reports, and claims the next in the same request. */
  async report(
    agent_id: string,
    reports: readonly (readonly [Grant, Report])[],
    claim = 0,
  ): Promise<{ outcomes: CompleteReply["outcomes"]; grants: readonly Grant[] }> {
    const request_id = `report-${++this.#ids}`;
    const completions: Completion[] = reports.map(([grant, report]) => completion(grant, report));
    const body = {
      agent_id,
      request_id,
      completions,
      ...(claim > 0 ? { claim: { jobs_max: claim, labels: [] } } : {}),
    };
    const { outcomes, jobs } = await this.ask((owner) => owner.complete(body));
    for (const [i, { outcome }] of outcomes.entries()) {
      if (outcome !== "refused") this.acks.push({ kind: "reported", ...namesOf(reports[i]![0]) });
    }
    for (const grant of jobs) this.acks.push({ kind: "granted", ...namesOf(grant) });
    return { outcomes, grants: jobs };
  }

  async succeed(agent_id: string, grants: readonly Grant[]): Promise<void> {
    if (grants.length > 0)
      await this.report(
        agent_id,
        grants.map((grant) => [grant, succeeded(agent_id, grant)]),
      );
  }

  heartbeat(agent_id: string, grants: readonly Grant[]): Promise<HeartbeatReply> {
    const execs = grants.map(({ run_id, stage_id, exec_id, fence }) => ({ run_id, stage_id, exec_id, fence }));
    return this.ask((owner) => owner.heartbeat({ agent_id, execs, wait_ms: 0 }));
  }

  async decide(run_id: string, stage_id: string, decision: Decision): Promise<void> {
    const { stages } = await this.show(run_id);
    const question = stages.find((stage) => stage.stage_id === stage_id)?.question;
    if (!question) throw new Error(`${stage_id} asks nothing`);
    const { digest } = question;
    const subject = question.subject as Subject;
    await this.ask((owner) => owner.decide(run_id, stage_id, { subject, decision, digest, note: "", by: operator }));
    this.acks.push({ kind: "decided", run_id, stage_id, decision });
  }

  async cancel(run_id: string): Promise<void> {
    await this.ask((owner) => owner.cancel(run_id, operator, ""));
    this.acks.push({ kind: "cancelled", run_id });
  }

  async retry(run_id: string): Promise<void> {
    await this.ask((owner, again) =>
      owner.retry(run_id, operator).catch((error: unknown) => {
        // the try that got no answer was carried out
        if (again && error instanceof ProblemError && error.problems[0].code === "run-not-settled") return;
        throw error;
      }),
    );
    this.acks.push({ kind: "retried", run_id });
  }

  async show(run_id: string): Promise<RunView> {
    const view = await this.ask((owner) => owner.show(run_id));
    this.#shown(view);
    return view;
  }

  #shown({ run, seq, stages }: RunView): void {
    const statuses = Object.fromEntries(stages.map(({ stage_id, status }) => [stage_id, status]));
    this.acks.push({ kind: "shown", run_id: run.run_id, seq, statuses });
  }

  async statuses(run_id: string): Promise<Record<string, string>> {
    return Object.fromEntries((await this.show(run_id)).stages.map(({ stage_id, status }) => [stage_id, status]));
  }

  /** An agent that takes what there is and succeeds, until the run has ended. */
  async finish(run_id: string): Promise<string> {
    await this.until(`run ${run_id} ends`, async () => {
      const grants = await this.claim("last", 16);
      await this.succeed("last", grants);
      return (await this.show(run_id)).run.ended_at !== null;
    });
    return (await this.show(run_id)).run.status;
  }

  async histories(): Promise<Map<string, History>> {
    const found = new Map<string, History>();
    for (const run_id of await this.#store.everyRun()) {
      const rows = await this.#store.journal(run_id, 0);
      const events = rows.flatMap((row) => JSON.parse(row.events) as Recorded[]);
      found.set(run_id, { run_id, events, requires: this.#requires.get(run_id) ?? new Map() });
    }
    return found;
  }

  records(): Promise<unknown> {
    return this.#disk.records();
  }
}

const namesOf = ({ run_id, stage_id, exec_id }: Grant): { run_id: string; stage_id: string; exec_id: string } => ({
  run_id,
  stage_id,
  exec_id,
});
