import { newMemoryDisk } from "orchestrator-daemon/parts";
import { digestOf, type Recorded, type RunEvent, type RunView } from "orchestrator-core";
import { beforeEach, describe, expect, test } from "vitest";
import { Answers } from "../src/checkers/answers.ts";
import { Law } from "../src/checkers/law.ts";
import { Records } from "../src/checkers/records.ts";
import { Scope } from "../src/scheduler.ts";
import { newTally } from "../src/tally.ts";

/** Each checker sees the breach that it is for: histories made by hand, with one thing wrong. */
const RUN = "01J00000000000000000000000";
const exec = (requires: string[] = [], more: object = {}) => ({
  kind: "exec",
  requires,
  exec: { commands: [{ argv: ["job"] }], effects: "idempotent", timeout_ms: null },
  retry: { attempts_max: 2, backoff_ms: 1 },
  leases_lost_max: 2,
  labels: [],
  ...more,
});

let objections: string[];
let law: Law;
let disk: ReturnType<typeof newMemoryDisk>;
let seq: number;

beforeEach(() => {
  objections = [];
  disk = newMemoryDisk();
  seq = 0;
  law = new Law(disk, {
    now: () => 0,
    object: (checker, message) => objections.push(`${checker}: ${message}`),
    happened: () => {},
  });
});

function feed(...events: RunEvent[]): void {
  const recorded = events.map((event): Recorded => ({ ...event, seq: ++seq, at: 0 }));
  const { length } = recorded;
  law.feed({ run_id: RUN, first_seq: seq - length + 1, last_seq: seq, events: JSON.stringify(recorded) });
}

function created(stages: Record<string, unknown>, more: object = {}): RunEvent {
  const workflow = { name: "w", intent: null, fail_fast: false, stages, ...more };
  disk.workflows.set("digest", JSON.stringify(workflow));
  return {
    type: "run_created",
    workflow_digest: "digest",
    plan_digest: "plan",
    policy_digest: "policy",
    workspace: "/",
    run_number: 1,
    by: { role: "operator", name: "operator" },
    asks: [],
  };
}

const queued = (stage_id: string, attempt = 1): RunEvent => ({ type: "stage_queued", stage_id, attempt });
const granted = (stage_id: string, exec_id: string, fence: number): RunEvent => ({
  type: "stage_granted",
  stage_id,
  exec_id,
  fence,
  agent_id: "a1",
  request_id: "r1",
  lease_ms: 1_000,
});
const result = {
  manifest_sha256: "m",
  exits: [],
  outputs: {},
  started_at: null,
  duration_ms: 1,
  message: "",
  sandbox: null,
};
const succeeded = (stage_id: string, exec_id: string): RunEvent => ({
  type: "exec_succeeded",
  stage_id,
  exec_id,
  result,
});
const lost = (stage_id: string, exec_id: string, next: "queued" | "failed" | "needs_human"): RunEvent => ({
  type: "lease_lost",
  stage_id,
  exec_id,
  cause: "expired",
  next,
});

describe("the law", () => {
  test("has nothing against a run that goes well", () => {
    feed(created({ a: exec(), b: exec(["a"]) }), queued("a"));
    feed(granted("a", "x1", 1));
    feed(succeeded("a", "x1"), queued("b"));
    feed(granted("b", "x2", 1));
    feed(succeeded("b", "x2"), { type: "run_settled", status: "succeeded" });
    expect(objections).toEqual([]);
  });

  test("I2: a stage that succeeds a second time", () => {
    feed(created({ a: exec() }), queued("a"));
    feed(granted("a", "x1", 1));
    feed(lost("a", "x1", "queued"));
    feed(granted("a", "x2", 2));
    feed(succeeded("a", "x2"), { type: "run_settled", status: "succeeded" });
    feed(succeeded("a", "x1"));
    expect(objections.join()).toContain("I3");
    feed(granted("a", "x3", 3));
    expect(objections.join()).toContain("I2: run 01J00000000000000000000000 stage a");
  });

  test("I3: a fence that is given out twice, and a report of an exec that lost its lease", () => {
    feed(created({ a: exec() }), queued("a"));
    feed(granted("a", "x1", 1));
    feed(lost("a", "x1", "queued"));
    feed(granted("a", "x2", 1));
    expect(objections.join()).toContain("has fence 1 after 1");
    feed(succeeded("a", "x1"));
    expect(objections.join()).toContain("x1, which does not hold the stage");
  });

  test("I4: a stage that begins before all that it requires have succeeded", () => {
    feed(created({ a: exec(), b: exec(["a"]) }), queued("a"), queued("b"));
    expect(objections).toEqual([expect.stringContaining("I4") as string]);
  });

  test("budgets: a lost lease too many, and a `once` stage that runs again", () => {
    feed(
      created({ a: exec([], { leases_lost_max: 1 }), b: exec([], { exec: { effects: "once" } }) }),
      queued("a"),
      queued("b"),
    );
    feed(granted("a", "x1", 1), granted("b", "x2", 1));
    feed(lost("a", "x1", "queued"));
    feed(lost("b", "x2", "queued"));
    expect(objections.map((text) => text.replace(/.*leads/, "leads"))).toEqual([
      "leads to queued, and failed is right",
      "leads to queued, and needs_human is right",
    ]);
  });

  test("I8: a stage that could begin and is left, and a run that has ended and does not say so", () => {
    feed(created({ a: exec() }));
    expect(objections.join()).toContain("could begin, and nobody begins it");
    feed(queued("a"));
    feed(granted("a", "x1", 1));
    feed(succeeded("a", "x1"));
    expect(objections.join()).toContain("has ended, and nobody says so");
  });

  test("I9: a grant after a cancel", () => {
    feed(created({ a: exec() }), queued("a"));
    feed({ type: "cancel_requested", by: { role: "operator", name: "operator" }, note: "" });
    feed(granted("a", "x1", 1));
    expect(objections.join()).toContain("is still queued");
    expect(objections.join()).toContain("after its run was stopped");
  });

  test("a decision about other commands than those that it names", () => {
    const by = { role: "operator", name: "operator" } as const;
    feed({ ...created({ a: exec() }), asks: ["a"] } as RunEvent);
    feed(
      {
        type: "decided",
        stage_id: "a",
        subject: "exec",
        decision: "approve",
        digest: "other",
        note: "",
        by,
        next: "pending",
      },
      queued("a"),
    );
    expect(objections).toEqual([expect.stringContaining("names another digest") as string]);
  });
});

describe("answers", () => {
  const caller = { name: "operator", scope: new Scope("test"), honest: true };
  const make = (): Answers =>
    new Answers(
      law,
      disk,
      newTally(),
      (checker, message) => objections.push(`${checker}: ${message}`),
      () => [],
    );

  test("I1: a submit that is acknowledged and not stored, and a key that made two runs", () => {
    const answers = make();
    const submitted = (run_id: string): void =>
      answers.check({
        name: "submitRun",
        params: undefined,
        body: {},
        value: { run_id, plan_digest: "plan" },
        idempotency_key: "k",
        caller,
      });
    submitted("01J00000000000000000000009");
    expect(objections.join()).toContain("I1: submit of 01J00000000000000000000009 is acknowledged and not stored");
    feed(created({ a: exec() }), queued("a"));
    submitted(RUN);
    expect(objections.join()).toContain("one Idempotency-Key made two runs");
  });

  test("I3: a report that counts, and whose fence is not the one of its exec", () => {
    feed(created({ a: exec() }), queued("a"));
    feed(granted("a", "x1", 1));
    const report = { kind: "handed_back" as const };
    make().check({
      name: "complete",
      params: undefined,
      body: {
        agent_id: "a1",
        request_id: "c",
        completions: [{ run_id: RUN, stage_id: "a", exec_id: "x1", fence: 2, report }],
      },
      value: { outcomes: [{ exec_id: "x1", outcome: "accepted" }], jobs: [] },
      idempotency_key: null,
      caller,
    });
    expect(objections.join()).toContain("I3: a report of x1 by a1 with fence 2 is accepted");
  });

  test("I6: a stage that is shown in another state than its events say", () => {
    feed(created({ a: exec() }), queued("a"));
    const { exec_digest } = law.runs.get(RUN)!.stages.get("a")!;
    const stage = {
      stage_id: "a",
      kind: "exec",
      status: "running",
      reason: null,
      message: "",
      requires: [],
      exec_digest,
      attempt: 1,
      question: null,
      since: null,
      duration_ms: null,
      outputs: {},
      execs: [],
    } as const;
    make().stage(law.runs.get(RUN)!, { ...stage, requires: [], decisions: [], execs: [] }, seq);
    expect(objections).toEqual([expect.stringContaining('status is "running", and by its events "queued"') as string]);
  });

  test("I10: `why` without a word", () => {
    feed(created({ a: exec() }), queued("a"));
    make().why(RUN, "a", { status: "queued", summary: "", because: [], hint: null });
    expect(objections).toEqual([expect.stringContaining("I10") as string]);
  });

  test("I11: a run that is shown further than it is stored, and an event that is not stored", () => {
    feed(created({ a: exec() }), queued("a"));
    make().view({ run: { run_id: RUN }, seq: seq + 1, stages: [] } as unknown as RunView);
    make().event(RUN, { type: "run_settled", status: "succeeded", seq: seq + 1, at: 0 });
    expect(objections.filter((text) => text.startsWith("I11"))).toHaveLength(2);
  });
});

test("I11: records of what is not stored", () => {
  feed(created({ a: exec() }), queued("a"));
  const records = new Records(law, disk, (checker, message) => objections.push(`${checker}: ${message}`));
  const run = { run_id: RUN, projected_seq: seq + 1 } as Parameters<Records["written"]>[0]["run"];
  records.written({ run, run_exists: false, stages: [], jobs: [], artifacts: [], complete: false });
  expect(objections).toEqual([expect.stringContaining("I11") as string]);
  expect(digestOf({})).toHaveLength(64);
});
