import { createHash } from "node:crypto";
import {
  type Actor,
  type Clock,
  type Completion,
  type Frozen,
  type Grant,
  type Manifest,
  manifestText,
  parseWorkflow,
  policyDigest,
  type Report,
} from "orchestrator-core";
import { manifestFlaw } from "../../src/form.ts";
import { Owner } from "../../src/owner/owner.ts";
import { type MemoryDisk, newMemoryDisk, openMemoryStore } from "../../src/store/memory-store.ts";
import { type Commit, CommitFailed, type Portion, type Store } from "../../src/store/store.ts";

export const operator: Actor = { role: "operator", name: "operator" };

/** Time that moves only when told to. */
export class ManualClock implements Clock {
  #now = 0;
  #timers: { at: number; fn: () => void }[] = [];

  now = (): number => this.#now;
  wall = (): number => 1_700_000_000_000 + this.#now;
  after = (delay_ms: number, fn: () => void): (() => void) => {
    const timer = { at: this.#now + delay_ms, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  /** Moves on, timer by timer, and lets what they start come to rest. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settle();
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#now = Math.max(this.#now, next.at);
      next.fn();
    }
    this.#now = end;
    await settle();
  }
}

/** Lets every promise that can move on do so. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** What the store is told to do with the next commits. */
export interface Faults {
  hold?: Promise<void>;
  fail?: "conflict" | "unknown" | "unknown_but_stored" | undefined;
}

/** A daemon's owner on a memory disk that outlives it. */
export class World {
  readonly disk: MemoryDisk;
  readonly clock = new ManualClock();
  readonly faults: Faults = {};
  readonly commits: Commit[] = [];
  readonly portions: Portion[] = [];
  broken: string | null = null;
  frozen: () => Frozen | null = () => null;
  owner!: Owner;
  #ids = 0;
  #life = 0;
  #rivals = false;

  constructor(disk: MemoryDisk = newMemoryDisk()) {
    this.disk = disk;
  }

  static async open(disk?: MemoryDisk): Promise<World> {
    const world = new World(disk);
    await world.start();
    return world;
  }

  async start(): Promise<void> {
    const store = openMemoryStore(this.disk);
    const life = ++this.#life;
    // a killed process does nothing more; `takeOver` leaves it running
    const alive = async (): Promise<void> => {
      if (life < this.#life && !this.#rivals) await new Promise(() => {});
    };
    const watched: Store = {
      ...bound(store),
      get run_number_max() {
        return store.run_number_max;
      },
      get commit_max() {
        return store.commit_max;
      },
      commit: async (commit) => {
        await alive();
        this.commits.push(commit);
        await this.faults.hold;
        const { fail } = this.faults;
        this.faults.fail = undefined;
        if (fail === "conflict" || fail === "unknown") throw new CommitFailed(fail, "injected");
        await store.commit(commit);
        if (fail === "unknown_but_stored") throw new CommitFailed("unknown", "injected");
      },
      project: async (portion) => {
        await alive();
        this.portions.push(portion);
        await store.project(portion);
      },
    };
    this.owner = await Owner.open(
      {
        store: watched,
        clock: this.clock,
        random: (count) =>
          new Uint8Array(count).map((_, i) => (i === count - 1 ? ++this.#ids : this.#ids >> (8 * (count - 1 - i)))),
        sha256: (text) => createHash("sha256").update(text).digest("hex"),
        manifestFlaw,
        frozen: () => this.frozen(),
        log: () => {},
        onBroken: (message) => {
          this.broken = message;
        },
      },
      { lease_ms: 30_000, backlog_max: 10_000, policy_digest: policyDigest },
    );
  }

  /** kill -9 and a new start on the same disk: what was not stored is gone. */
  async crash(): Promise<void> {
    await this.start();
  }

  /** A second daemon opens the disk while the first one lives on. */
  async takeOver(): Promise<void> {
    this.#rivals = true;
    await this.start();
  }

  /** Makes a run's journal unreadable. */
  damage(run_id: string): void {
    this.disk.journal.set(
      run_id,
      this.disk.journal.get(run_id)!.map((row) => ({ ...row, events: row.events.slice(0, -5) })),
    );
  }

  async submit(stages: Record<string, unknown>, key: string | null = null): Promise<string> {
    const { run_id } = await this.owner.submit(this.submission(stages, key));
    return run_id;
  }

  submission(stages: Record<string, unknown>, idempotency_key: string | null = null) {
    const parsed = parseWorkflow({ name: "w", stages });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
    return { workflow: parsed.value, workspace: "/ws", by: operator, asks: [], idempotency_key };
  }

  claim(agent_id: string, jobs_max = 1, request_id = `r${++this.#ids}`, wait_ms = 0): Promise<readonly Grant[]> {
    return this.owner.claim({ agent_id, request_id, jobs_max, wait_ms, labels: [] });
  }

  async complete(agent_id: string, grant: Grant, report: Report = succeeded(agent_id, grant)) {
    const completions: Completion[] = [completion(grant, report)];
    const reply = await this.owner.complete({ agent_id, request_id: `c${++this.#ids}`, completions });
    return reply.outcomes[0]!;
  }

  async statuses(run_id: string): Promise<Record<string, string>> {
    const { stages } = await this.owner.show(run_id);
    return Object.fromEntries(stages.map((stage) => [stage.stage_id, stage.status]));
  }
}

export const completion = ({ run_id, stage_id, exec_id, fence }: Grant, report: Report): Completion => ({
  run_id,
  stage_id,
  exec_id,
  fence,
  report,
});

/** What an agent that ran the grant would report. */
export function succeeded(agent_id: string, grant: Grant, change: Partial<Manifest> = {}): Report {
  const manifest: Manifest = {
    schema: "orchestrator.manifest/1",
    run_id: grant.run_id,
    stage_id: grant.stage_id,
    job_id: grant.job_id,
    exec_id: grant.exec_id,
    attempt: grant.attempt,
    fence: grant.fence,
    agent: { agent_id, version: "0", host: "h", pid: 1, uid: 0 },
    exec_digest: grant.exec_digest,
    plan_digest: grant.plan_digest,
    policy_digest: grant.policy_digest,
    workspace: grant.workspace,
    effects: grant.exec.effects,
    timeout_ms: null,
    approval: null,
    sandbox: { level: "none", why: "", network: true, uid: 1_000 },
    limits: [],
    supervisor: "none",
    requires: [],
    result: "succeeded",
    reason: null,
    message: "",
    started_at: "2026-01-01T00:00:00.000Z",
    ended_at: "2026-01-01T00:00:00.001Z",
    duration_ms: 1,
    outputs: { from: grant.stage_id },
    commands: grant.exec.commands.map((command, index) => ({
      index,
      argv: command.argv,
      cwd: command.cwd,
      env_names: [],
      secrets: {},
      redactions: 0,
      allow_shell: false,
      allow_failure: false,
      timeout_ms: null,
      idle_timeout_ms: null,
      stop: { signal: "SIGTERM", grace_ms: null },
      verdict: { verdict: "allow", findings: [] },
      program: null,
      exit: { code: 0, signal: null },
      usage: null,
      reason: null,
      message: "",
      started_at: null,
      duration_ms: 1,
      signalled: [],
      survivors: 0,
      stdout: null,
      stderr: null,
    })),
    files: [],
    ...change,
  };
  return { kind: "manifest", manifest: manifestText(manifest) };
}

export const failed = (agent_id: string, grant: Grant): Report =>
  succeeded(agent_id, grant, { result: "failed", reason: "exit_non_zero", message: "command 0 exited with 1" });

/** A store's methods, bound, so that some can be replaced in a copy. */
function bound(store: Store): Store {
  const copy: Record<string, unknown> = {};
  for (const key of [
    "url",
    "activeRuns",
    "journal",
    "workflow",
    "request",
    "everyRun",
    "projected",
    "runRecords",
    "dropRecords",
    "query",
    "close",
  ] as const) {
    const value = store[key];
    copy[key] = typeof value === "function" ? value.bind(store) : value;
  }
  return copy as unknown as Store;
}
