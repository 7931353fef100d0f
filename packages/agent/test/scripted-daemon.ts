import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import {
  type ClaimBody,
  type CommandSpec,
  type CompleteBody,
  type Completion,
  type CompleteReply,
  digestOf,
  type ExecBlock,
  type Grant,
  type HeartbeatBody,
  type HttpReply,
  type HttpRequest,
  type JsonRouteName,
  type Manifest,
  makeUlid,
  NoAnswer,
  noLimits,
  policyDigest,
  routes,
  type Transport,
} from "orchestrator-core";

/** A daemon of a few lines behind the transport port: it grants what a test queues and keeps what it is told. */
export interface ScriptedDaemon {
  readonly transport: Transport;
  readonly requests: readonly SeenRequest[];
  readonly completions: readonly Completion[];
  /** Exec_ids that heartbeats are told to end. */
  readonly cancel: Set<string>;
  readonly lost: Set<string>;
  /** Jobs beyond those asked for, as if the agent's stages had been short until now. Default: 0. */
  beyond: number;
  /** What outcome a completion gets. Default: accepted. */
  refuse: (completion: Completion) => { readonly code: string; readonly message: string } | null;
  /** Jobs that an accepted completion makes runnable, granted in the same answer where it claims. */
  next: (completion: Completion) => readonly Job[];
  /** "lose": carried out, and the answer is lost. "deaf": not even that. "silent": nor any word of it. "error": 503. */
  fate: (request: SeenRequest) => "answer" | "lose" | "deaf" | "silent" | "error" | "refuse";
  queue(...jobs: Job[]): readonly Grant[];
  /** Resolves as soon as it is true: asked again after every request. */
  until(fact: () => boolean): Promise<void>;
  manifestOf(exec_id: string): Manifest;
  reportOf(exec_id: string): Completion["report"] | undefined;
}

export interface SeenRequest {
  readonly name: "claim" | "heartbeat" | "complete";
  readonly agent_id: string;
  readonly request_id: string | null;
  readonly body: ClaimBody | HeartbeatBody | CompleteBody;
  readonly at: number;
}

export type Job = Partial<Omit<Grant, "exec">> & { readonly exec?: Partial<ExecBlock> };

export const command = (argv: string[], more: Partial<CommandSpec> = {}): CommandSpec => ({
  argv,
  cwd: ".",
  env: {},
  secrets: {},
  timeout_ms: null,
  idle_timeout_ms: null,
  stop: { signal: "SIGTERM", grace_ms: null },
  allow_shell: false,
  allow_failure: false,
  ...more,
});
export const shell = (script: string, more: Partial<CommandSpec> = {}): CommandSpec =>
  command(["/bin/sh", "-c", script], { allow_shell: true, ...more });

/** Unique on this machine: processes are known by the exec_id in their environment, and test files run side by side. */
export const ulid = (): string => makeUlid(1_764_000_000_000, randomBytes(10));

export function grantOf(job: Job, workspace: string, lease_ms: number): Grant {
  const exec: ExecBlock = {
    commands: [command(["true"])],
    effects: "idempotent",
    timeout_ms: null,
    sandbox: "none",
    network: false,
    limits: noLimits,
    ...job.exec,
  };
  const run_id = job.run_id ?? ulid();
  const stage_id = job.stage_id ?? "stage";
  return {
    job_id: `${run_id}/${stage_id}/1`,
    run_id,
    stage_id,
    exec_id: ulid(),
    attempt: 1,
    fence: 1,
    lease_ms,
    expires_at: "2025-11-24T00:00:00.000Z",
    exec_digest: digestOf(exec),
    plan_digest: "0".repeat(64),
    policy_digest: policyDigest,
    workspace,
    role: "operator",
    approval: null,
    requires: [],
    ...job,
    exec: exec as Grant["exec"],
  };
}

export function scriptDaemon(workspace: string, lease_ms = 30_000): ScriptedDaemon {
  const waiting: Grant[] = [];
  const requests: SeenRequest[] = [];
  const completions: Completion[] = [];
  const answered = new Map<string, unknown>();
  const settled = new Set<string>();
  const waiters = new Set<() => void>();
  const parked = new Set<() => void>();

  const wake = (): void => {
    for (const fn of [...parked, ...waiters]) fn();
  };

  function parkUntil<T>(wait_ms: number, ready: () => T | null, otherwise: () => T): Promise<T> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(otherwise()), wait_ms);
      const done = (value: T): void => {
        clearTimeout(timer);
        parked.delete(look);
        resolve(value);
      };
      const look = (): void => {
        const value = ready();
        if (value !== null) done(value);
      };
      parked.add(look);
      look();
    });
  }

  const grantUpTo = (count: number): Grant[] => waiting.splice(0, count);

  function complete(body: CompleteBody): CompleteReply {
    const outcomes = body.completions.map((completion): CompleteReply["outcomes"][number] => {
      const { exec_id } = completion;
      if (settled.has(exec_id)) return { exec_id, outcome: "repeated" };
      const refusal = daemon.refuse(completion);
      if (refusal !== null) return { exec_id, outcome: "refused", ...refusal };
      settled.add(exec_id);
      completions.push(completion);
      for (const job of daemon.next(completion)) waiting.push(grantOf(job, workspace, lease_ms));
      return { exec_id, outcome: "accepted" };
    });
    return { outcomes, jobs: grantUpTo(body.claim?.jobs_max ?? 0) };
  }

  function answer(name: SeenRequest["name"], body: SeenRequest["body"]): Promise<unknown> {
    switch (name) {
      case "claim": {
        const { jobs_max, wait_ms } = body as ClaimBody;
        const ready = () => (waiting.length > 0 ? { jobs: grantUpTo(jobs_max + daemon.beyond) } : null);
        return parkUntil(wait_ms, ready, () => ({ jobs: [] }));
      }
      case "heartbeat": {
        const { execs, wait_ms } = body as HeartbeatBody;
        const told = (set: Set<string>): string[] =>
          execs.flatMap(({ exec_id }) => (set.has(exec_id) ? [exec_id] : []));
        const reply = () => ({ cancel: told(daemon.cancel), lost: told(daemon.lost) });
        const ready = () => (reply().cancel.length + reply().lost.length > 0 ? reply() : null);
        return parkUntil(wait_ms, ready, reply);
      }
      case "complete":
        return Promise.resolve(complete(body as CompleteBody));
    }
  }

  const daemon: ScriptedDaemon = {
    requests,
    completions,
    cancel: new Set(),
    lost: new Set(),
    refuse: () => null,
    next: () => [],
    beyond: 0,
    fate: () => "answer",
    async transport(request: HttpRequest): Promise<HttpReply> {
      const name = nameOf(request.path);
      const body = JSON.parse(request.body ?? "{}") as SeenRequest["body"];
      const request_id = "request_id" in body ? body.request_id : null;
      const seen: SeenRequest = { name, agent_id: body.agent_id, request_id, body, at: performance.now() };
      requests.push(seen);
      const fate = daemon.fate(seen);
      // the event loop turns between question and answer, as on a wire
      await new Promise((resolve) => setImmediate(resolve));
      if (fate === "silent") await pause(request.timeout_ms);
      if (fate === "deaf" || fate === "silent") throw new NoAnswer("not delivered");
      if (fate === "error") return problem(503, "not-accepting");
      if (fate === "refuse") return problem(400, "bad-request");
      const known = request_id === null ? undefined : answered.get(request_id);
      const reply = known ?? (await answer(name, body));
      if (request_id !== null) answered.set(request_id, reply);
      wake();
      if (fate === "lose") throw new NoAnswer("the answer was lost");
      return { status: 200, body: JSON.stringify(reply) };
    },
    queue(...jobs) {
      const grants = jobs.map((job) => grantOf(job, workspace, lease_ms));
      waiting.push(...grants);
      wake();
      return grants;
    },
    until(fact) {
      return new Promise((resolve, reject) => {
        const look = (): void => {
          try {
            if (!fact()) return;
            resolve();
          } catch (error) {
            reject(error as Error);
          }
          clearInterval(timer);
          waiters.delete(look);
        };
        // facts outside of the daemon (files, processes) tell nobody
        const timer = setInterval(look, 5);
        waiters.add(look);
        look();
      });
    },
    manifestOf(exec_id) {
      const report = daemon.reportOf(exec_id);
      if (report?.kind !== "manifest") throw new Error(`no manifest of ${exec_id}: ${JSON.stringify(report)}`);
      return JSON.parse(report.manifest) as Manifest;
    },
    reportOf: (exec_id) => completions.find((c) => c.exec_id === exec_id)?.report,
  };
  return daemon;
}

function nameOf(path: string): SeenRequest["name"] {
  const names: JsonRouteName[] = ["claim", "heartbeat", "complete"];
  const name = names.find((n) => routes[n].path === path);
  if (name === undefined) throw new Error(`an agent does not ask for ${path}`);
  return name as SeenRequest["name"];
}

function problem(status: number, code: string): HttpReply {
  return { status, body: JSON.stringify({ type: "", title: "", status, code, detail: code }) };
}
