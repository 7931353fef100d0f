import { digestOf, type Recorded, type RunEvent, type StageSpec, type WorkflowSpec } from "orchestrator-core";
import type { Commit, JournalRow, MemoryDisk } from "orchestrator-daemon/parts";

/**
 * What a run may do, told a second time and without the code of core: a fold of the journal that knows the rules and
 * objects to every event that breaks one. It is slow and simple: it looks at the whole run after each commit.
 *
 * I2 a stage succeeds at most once. I3 an event of an exec comes from the one that holds the stage, and fences count
 * up. I4 a stage begins when all that it requires have succeeded. I9 a stopping run grants nothing.
 */
export interface LawStage {
  readonly stage_id: string;
  readonly spec: StageSpec;
  readonly exec_digest: string | null;
  readonly ask: boolean;
  readonly now: StageFacts;
  /** Every state it was in, by the seq that made it so. */
  readonly past: readonly StageFacts[];
  readonly execs: ReadonlyMap<string, LawExec>;
}

export interface StageFacts {
  readonly seq: number;
  readonly status: string;
  readonly subject: string | null;
  readonly reason: string | null;
  readonly attempt: number;
  readonly fence: number;
  readonly holder: string | null;
  readonly backing_off: boolean;
  readonly outputs: Readonly<Record<string, string>>;
}

export interface LawExec {
  readonly exec_id: string;
  readonly fence: number;
  readonly attempt: number;
  readonly agent_id: string;
  readonly request_id: string;
  readonly granted_seq: number;
  readonly granted_ms: number;
  outcome: string | null;
  end_seq: number;
  manifest_sha256: string | null;
  /** Of a lease that was lost. */
  cause: string | null;
}

interface Stage extends LawStage {
  now: StageFacts;
  readonly past: StageFacts[];
  readonly execs: Map<string, LawExec>;
  ask: boolean;
  approved: boolean;
  failures: number;
  lost: number;
  successes: number;
}

export interface LawRun {
  readonly run_id: string;
  readonly run_number: number;
  readonly workflow: WorkflowSpec;
  readonly workspace: string;
  readonly seq: number;
  readonly status: string;
  readonly stopping: null | "cancelled" | "fail_fast";
  readonly stages: ReadonlyMap<string, LawStage>;
  readonly events: readonly string[];
  /** How many cancels it took, and how many retries. */
  readonly cancels: number;
  readonly reopened: number;
}

interface Run extends LawRun {
  seq: number;
  status: string;
  stopping: null | "cancelled" | "fail_fast";
  plan_digest: string;
  cancels: number;
  reopened: number;
  readonly stages: Map<string, Stage>;
  readonly events: string[];
}

export interface LawHooks {
  readonly now: () => number;
  readonly object: (checker: string, message: string) => void;
  readonly happened: (run: LawRun, event: Recorded, stage: LawStage | null) => void;
}

const SETTLED = new Set(["succeeded", "failed", "skipped", "cancelled"]);
/** A person's word, or the agent's: never tried again. */
const FINAL = new Set(["denied", "digest_mismatch"]);

const LARGE = 150;

export class Law {
  readonly runs = new Map<string, Run>();
  readonly #execs = new Set<string>();
  readonly #hooks: LawHooks;
  readonly #disk: MemoryDisk;
  #rows = 0;

  constructor(disk: MemoryDisk, hooks: LawHooks) {
    this.#disk = disk;
    this.#hooks = hooks;
  }

  stored(commit: Commit): void {
    for (const row of commit.rows) this.feed(row);
  }

  feed(row: JournalRow): void {
    const events = JSON.parse(row.events) as Recorded[];
    for (const event of events) this.#event(row.run_id, event);
    const run = this.runs.get(row.run_id);
    if (run === undefined) return;
    this.#rows++;
    if (run.seq !== row.last_seq)
      this.#object("journal", `row of ${row.run_id} ends at ${run.seq}, not ${row.last_seq}`);
    // a large run is looked at as a whole now and then, and when it ends
    if (run.stages.size <= LARGE || this.#rows % LARGE === 0 || run.status !== "running") this.#complete(run);
  }

  #object(checker: string, message: string): void {
    this.#hooks.object(checker, message);
  }

  #event(run_id: string, event: Recorded): void {
    if (event.type === "run_created") {
      this.#created(run_id, event);
      return;
    }
    const run = this.runs.get(run_id);
    if (run === undefined) return this.#object("journal", `${run_id} begins with ${event.type}`);
    if (event.seq !== run.seq + 1) this.#object("journal", `${run_id}: event ${event.seq} follows ${run.seq}`);
    run.seq = event.seq;
    run.events.push(JSON.stringify(event));
    const stage = "stage_id" in event ? (run.stages.get(event.stage_id) ?? null) : null;
    const wrong = (checker: string, why: string): void => {
      const where = stage === null ? "" : ` stage ${stage.stage_id} (${stage.now.status})`;
      this.#object(checker, `run ${run_id}${where}: event ${event.seq} ${event.type} ${why}`);
    };
    if ("stage_id" in event && stage === null) return wrong("journal", "names an unknown stage");
    this.#judge(run, stage as Stage, event, wrong);
    this.#hooks.happened(run, event, stage);
  }

  #created(run_id: string, event: Extract<Recorded, { type: "run_created" }>): void {
    if (this.runs.has(run_id) || event.seq !== 1) return this.#object("journal", `${run_id} is created twice`);
    const workflow = JSON.parse(this.#disk.workflows.get(event.workflow_digest) ?? "null") as WorkflowSpec | null;
    if (workflow === null) return this.#object("I1", `${run_id}: its workflow is not stored`);
    const stages = new Map<string, Stage>();
    for (const [stage_id, spec] of Object.entries(workflow.stages)) {
      const ask = event.asks.includes(stage_id);
      const now: StageFacts = {
        seq: 1,
        status: ask ? "needs_human" : "pending",
        subject: ask ? "exec" : null,
        reason: null,
        attempt: 0,
        fence: 0,
        holder: null,
        backing_off: false,
        outputs: {},
      };
      const exec_digest = spec.kind === "exec" ? digestOf(spec.exec) : null;
      const rest = { approved: false, failures: 0, lost: 0, successes: 0 };
      stages.set(stage_id, { stage_id, spec, exec_digest, ask, now, past: [now], execs: new Map(), ...rest });
    }
    const run: Run = {
      run_id,
      run_number: event.run_number,
      workflow,
      workspace: event.workspace,
      plan_digest: event.plan_digest,
      seq: 1,
      status: "running",
      stopping: null,
      stages,
      events: [JSON.stringify(event)],
      cancels: 0,
      reopened: 0,
    };
    this.runs.set(run_id, run);
    this.#hooks.happened(run, event, null);
  }

  #judge(run: Run, stage: Stage, event: Recorded, wrong: (checker: string, why: string) => void): void {
    const set = (status: string, more: Partial<StageFacts> = {}): void => {
      const { attempt, fence } = stage.now;
      const fresh = { subject: null, reason: null, holder: null, backing_off: false, outputs: {} };
      stage.now = { ...fresh, attempt, fence, ...more, status, seq: event.seq };
      stage.past.push(stage.now);
    };
    const requirements = (): Stage[] => requiredBy(run, stage);
    const exec = "exec_id" in event ? stage.execs.get(event.exec_id) : undefined;
    const ends = (outcome: string): boolean => {
      if (exec === undefined || stage.now.status !== "running" || stage.now.holder !== exec.exec_id) {
        wrong("I3", `is of exec ${"exec_id" in event ? event.exec_id : "?"}, which does not hold the stage`);
        return false;
      }
      exec.outcome = outcome;
      exec.end_seq = event.seq;
      return true;
    };
    switch (event.type) {
      case "run_created":
        return;
      case "stage_queued": {
        if (stage.now.status !== "pending") wrong("I4", "and it was not pending");
        if (run.stopping !== null) wrong("I9", "while the run is stopping");
        const missing = requirements().find((r) => r.now.status !== "succeeded");
        if (missing) wrong("I4", `while it requires ${missing.stage_id}, which is ${missing.now.status}`);
        if (stage.ask && !stage.approved) wrong("I4", "without the approval that policy asks for");
        if (event.attempt !== stage.now.attempt + 1) wrong("budget", `has attempt ${event.attempt}`);
        return set("queued", { attempt: stage.now.attempt + 1 });
      }
      case "stage_granted": {
        if (stage.now.status !== "queued") wrong("I3", "and it was not queued");
        if (run.stopping !== null) wrong("I9", "after its run was stopped");
        if (event.fence !== stage.now.fence + 1) wrong("I3", `has fence ${event.fence} after ${stage.now.fence}`);
        if (this.#execs.has(event.exec_id)) wrong("I2", `grants exec ${event.exec_id} a second time`);
        if (stage.successes > 0) wrong("I2", "after it succeeded");
        this.#execs.add(event.exec_id);
        const { exec_id, fence, agent_id, request_id } = event;
        const facts = { outcome: null, end_seq: 0, manifest_sha256: null, cause: null };
        const { attempt } = stage.now;
        const granted = { granted_seq: event.seq, granted_ms: this.#hooks.now() };
        stage.execs.set(exec_id, { exec_id, fence, attempt, agent_id, request_id, ...granted, ...facts });
        return set("running", { fence, holder: exec_id });
      }
      case "stage_handed_back":
        if (!ends("handed_back")) return;
        if (event.next !== (run.stopping === null ? "queued" : "cancelled")) wrong("budget", `leads to ${event.next}`);
        return event.next === "queued" ? set("queued") : set("cancelled", { reason: run.stopping ?? "cancelled" });
      case "lease_lost": {
        if (!ends("lost")) return;
        exec!.cause = event.cause;
        if (event.cause === "ended_by_agent") exec!.manifest_sha256 = event.result.manifest_sha256;
        stage.lost++;
        const { spec } = stage;
        const limit = spec.kind === "exec" ? spec.leases_lost_max : 0;
        const once = spec.kind === "exec" && spec.exec.effects === "once";
        const next =
          run.stopping !== null ? "cancelled" : once ? "needs_human" : stage.lost < limit ? "queued" : "failed";
        if (event.next !== next) wrong("budget", `leads to ${event.next}, and ${next} is right`);
        if (event.next === "needs_human") return set("needs_human", { subject: "lost_lease" });
        if (event.next === "cancelled") return set("cancelled", { reason: run.stopping ?? "cancelled" });
        return event.next === "failed" ? set("failed", { reason: "lease_lost" }) : set("queued");
      }
      case "exec_succeeded":
        if (!ends("succeeded")) return;
        exec!.manifest_sha256 = event.result.manifest_sha256;
        if (event.result.manifest_sha256 === null) wrong("I1", "without a manifest");
        if (++stage.successes > 1) wrong("I2", "and it had succeeded before");
        return set("succeeded", { outputs: event.result.outputs });
      case "exec_failed": {
        if (!ends(event.next === "cancelled" ? "cancelled" : "failed")) return;
        exec!.manifest_sha256 = event.result.manifest_sha256;
        if (event.reason === "lease_lost") wrong("budget", "spends a retry, though it was its lease that was lost");
        if (FINAL.has(event.reason)) wrong("policy", `was refused by its agent: ${event.result.message}`);
        if (event.next !== "cancelled") stage.failures++;
        const limit = stage.spec.kind === "exec" ? stage.spec.retry.attempts_max : 1;
        const again = run.stopping === null && stage.failures < limit && !FINAL.has(event.reason);
        if ((event.next === "retry") !== again)
          wrong("budget", `leads to ${event.next} after ${stage.failures}/${limit}`);
        if (event.next === "cancelled" && run.stopping === null) wrong("I9", "is cancelled, and nobody cancelled it");
        if (event.next === "retry") return set("pending", { backing_off: true });
        if (event.next === "failed") return set("failed", { reason: event.reason });
        return set("cancelled", { reason: run.stopping ?? "cancelled" });
      }
      case "gate_reached": {
        const missing = requirements().find((r) => r.now.status !== "succeeded");
        if (missing) wrong("I4", `while it requires ${missing.stage_id}, which is ${missing.now.status}`);
        if (stage.now.status !== "pending" || stage.spec.kind !== "gate") wrong("I4", "and it is no pending gate");
        return set("needs_human", { subject: "gate" });
      }
      case "decided": {
        if (stage.now.status !== "needs_human" || stage.now.subject !== event.subject) {
          return wrong("decision", `about ${event.subject}, which was not asked`);
        }
        const last = [...stage.execs.keys()].at(-1) ?? null;
        const digests = {
          gate: run.plan_digest,
          exec: stage.exec_digest,
          lost_lease: digestOf([stage.exec_digest, last]),
        };
        const digest = digests[event.subject];
        if (event.digest !== digest) wrong("decision", "names another digest");
        if (!DECIDERS.includes(event.by.role)) wrong("decision", `by a ${event.by.role}`);
        const next = LEADS_TO[event.subject]?.[event.decision];
        if (event.next !== next) return wrong("decision", `${event.decision} leads to ${event.next}, not ${next}`);
        stage.approved = event.subject === "exec" && event.decision === "approve" ? true : stage.approved;
        if (next === "pending") return set("pending");
        if (next === "failed")
          return set("failed", { reason: event.subject === "lost_lease" ? "marked_failed" : "rejected" });
        if (++stage.successes > 1) wrong("I2", "and it had succeeded before");
        return set("succeeded");
      }
      case "stage_skipped": {
        const bad = run.stages.get(event.requirement);
        if (!requirements().includes(bad!) || !SETTLED.has(bad!.now.status) || bad!.now.status === "succeeded") {
          wrong("I4", `because of ${event.requirement}, which is ${bad?.now.status}`);
        }
        if (requirements().some((r) => !SETTLED.has(r.now.status))) wrong("I4", "before all that it requires settled");
        return set("skipped", { reason: "requirement_failed" });
      }
      case "stage_cancelled":
        if (run.stopping !== event.reason) wrong("I9", `for ${event.reason}, and the run is ${run.stopping}`);
        if (!["pending", "queued", "needs_human"].includes(stage.now.status)) wrong("I9", "and it was not waiting");
        return set("cancelled", { reason: event.reason });
      case "cancel_requested":
        if (run.status !== "running") wrong("I9", `of a run that is ${run.status}`);
        run.stopping = "cancelled";
        run.cancels++;
        return;
      case "fail_fast_began":
        if (!run.workflow.fail_fast || stage.now.status !== "failed") wrong("I9", "without a reason");
        run.stopping = "fail_fast";
        return;
      case "run_retried":
        return this.#reopen(run, event, wrong);
      case "run_settled": {
        const ended = endOf(run);
        if (event.status !== ended) wrong("I8", `as ${event.status}, and it is ${ended ?? "not over"}`);
        run.status = event.status;
        return;
      }
    }
  }

  #reopen(run: Run, event: RunEvent & { readonly seq: number }, wrong: (checker: string, why: string) => void): void {
    if (run.status !== "failed" && run.status !== "cancelled") wrong("I8", `of a run that is ${run.status}`);
    run.status = "running";
    run.stopping = null;
    run.reopened++;
    for (const stage of run.stages.values()) {
      if (stage.now.status === "succeeded") continue;
      stage.failures = 0;
      stage.lost = 0;
      const asks = stage.ask && !stage.approved;
      const fresh = { reason: null, holder: null, backing_off: false, outputs: {}, seq: event.seq };
      const { attempt, fence } = stage.now;
      const once = stage.spec.kind === "exec" && stage.spec.exec.effects === "once";
      const inDoubt = once && stage.now.status === "cancelled" && [...stage.execs.values()].at(-1)?.outcome === "lost";
      const asked = inDoubt ? "lost_lease" : asks ? "exec" : null;
      const state = { status: asked === null ? "pending" : "needs_human", subject: asked };
      stage.now = { ...fresh, attempt, fence, ...state };
      stage.past.push(stage.now);
    }
  }

  /** At the end of a commit nothing is left undone that could be done at once. */
  #complete(run: Run): void {
    let open = false;
    for (const stage of run.stages.values()) {
      const { status, subject, backing_off } = stage.now;
      if (SETTLED.has(status)) continue;
      open = true;
      const waits = status === "pending" || (status === "needs_human" && subject === "exec");
      if (run.stopping !== null && status !== "running") {
        this.#object("I9", `run ${run.run_id} is stopping, and stage ${stage.stage_id} is still ${status}`);
      }
      if (!waits) continue;
      const required = requiredBy(run, stage);
      if (!required.every((r) => SETTLED.has(r.now.status))) continue;
      const failed = required.find((r) => r.now.status !== "succeeded");
      if (failed) {
        this.#object(
          "I8",
          `stage ${stage.stage_id} of ${run.run_id} is ${status}, though ${failed.stage_id} did not succeed`,
        );
      } else if (status === "pending" && !backing_off && run.stopping === null) {
        this.#object("I8", `stage ${stage.stage_id} of ${run.run_id} could begin, and nobody begins it`);
      }
    }
    const failed = [...run.stages.values()].find((stage) => stage.now.status === "failed");
    if (failed && run.workflow.fail_fast && run.stopping === null && run.status === "running") {
      this.#object("I8", `run ${run.run_id} says fail_fast, ${failed.stage_id} failed, and it goes on`);
    }
    if (!open && run.status === "running") this.#object("I8", `run ${run.run_id} has ended, and nobody says so`);
  }
}

const DECIDERS: readonly string[] = ["approver", "operator", "admin"];

const LEADS_TO: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  gate: { approve: "succeeded", reject: "failed" },
  exec: { approve: "pending", reject: "failed" },
  lost_lease: { retry: "pending", mark_succeeded: "succeeded", mark_failed: "failed" },
};

const requiredBy = (run: Run, stage: Stage): Stage[] => stage.spec.requires.map((id) => run.stages.get(id)!);

function endOf(run: Run): string | null {
  const statuses = [...run.stages.values()].map((stage) => stage.now.status);
  if (!statuses.every((status) => SETTLED.has(status))) return null;
  if (run.stopping === "cancelled") return "cancelled";
  return statuses.includes("failed") ? "failed" : "succeeded";
}

/** The state that a stage was in when its run was at `seq`. */
export function factsAt(stage: LawStage, seq: number): StageFacts {
  const { past } = stage;
  for (let i = past.length - 1; i >= 0; i--) if (past[i]!.seq <= seq) return past[i]!;
  return past[0]!;
}
