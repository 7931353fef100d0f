import type { ExecResult, Recorded, RunEvent } from "orchestrator-core";
import { expect, test } from "vitest";
import { applyEvent, blankModelOf, modelOf, type RunModel, seemsToWait } from "../../src/watch/model.ts";
import { BEGAN_MS, DIGEST, EXEC_ID, runView, stageView } from "../fixtures.ts";

const by = { role: "operator", name: "operator" } as const;
const result = (duration_ms: number, message = ""): ExecResult => ({
  manifest_sha256: DIGEST,
  exits: [],
  outputs: {},
  started_at: null,
  duration_ms,
  message,
  sandbox: "none",
});

/** Applies events one second apart. */
function after(model: RunModel, ...events: readonly RunEvent[]): RunModel {
  for (const event of events) {
    const seq = model.seq + 1;
    applyEvent(model, { ...event, seq, at: BEGAN_MS + seq * 1_000 } as Recorded);
  }
  return model;
}

const queued: RunEvent = { type: "stage_queued", stage_id: "build", attempt: 1 };
const granted: RunEvent = {
  type: "stage_granted",
  stage_id: "build",
  exec_id: EXEC_ID,
  fence: 1,
  agent_id: "local-1",
  request_id: "r",
  lease_ms: 30_000,
};

test("a stage is shown as queued, running and succeeded, with the time that its exec took", () => {
  const model = after(blankModelOf(runView([stageView("build")])), queued, granted);
  expect(model.stages.get("build")).toMatchObject({ status: "running", since: BEGAN_MS + 2_000, attempt: 1 });
  after(model, { type: "exec_succeeded", stage_id: "build", exec_id: EXEC_ID, result: result(4_200) });
  expect(model.stages.get("build")).toMatchObject({ status: "succeeded", took_ms: 4_200, note: "" });
});

test("a failed try says why, and that it is tried again by itself", () => {
  const model = after(blankModelOf(runView([stageView("build")])), queued, granted, {
    type: "exec_failed",
    stage_id: "build",
    exec_id: EXEC_ID,
    reason: "exit_non_zero",
    result: result(10, "command 0 ended with exit code 1"),
    next: "retry",
    backoff_ms: 2_000,
  });
  expect(model.stages.get("build")).toMatchObject({
    status: "pending",
    note: "exit_non_zero: command 0 ended with exit code 1",
    backing_off: true,
  });
  expect(seemsToWait(model)).toBe(false);
});

test("a run waits when only gates are left", () => {
  const model = blankModelOf(runView([stageView("build"), stageView("ship-it", { kind: "gate" })]));
  after(model, { type: "gate_reached", stage_id: "ship-it" });
  expect(seemsToWait(model)).toBe(true);
  after(model, queued);
  expect(seemsToWait(model)).toBe(false);
});

test("a decision says who made it", () => {
  const model = after(
    blankModelOf(runView([stageView("ship-it", { kind: "gate" })])),
    { type: "gate_reached", stage_id: "ship-it" },
    {
      type: "decided",
      stage_id: "ship-it",
      subject: "gate",
      decision: "reject",
      digest: DIGEST,
      note: "not today",
      by,
      next: "failed",
    },
  );
  expect(model.stages.get("ship-it")).toMatchObject({ status: "failed", note: "reject by operator: not today" });
});

test("an event that the view already held changes nothing", () => {
  const model = modelOf({ ...runView([stageView("build", { status: "succeeded" })]), seq: 5 });
  expect(applyEvent(model, { ...queued, seq: 5, at: BEGAN_MS })).toBeNull();
  expect(model.stages.get("build")?.status).toBe("succeeded");
});

test("a retried run is no longer settled", () => {
  const model = after(blankModelOf(runView([])), { type: "run_settled", status: "failed" });
  expect(model.settled).toBe(true);
  expect(after(model, { type: "run_retried", by }).settled).toBe(false);
});

test("what policy asks at the submit is asked from the start", () => {
  const question = { subject: "exec", digest: DIGEST, message: "?" };
  expect(seemsToWait(blankModelOf(runView([stageView("build", { status: "needs_human", question })])))).toBe(true);
});
