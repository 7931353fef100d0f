import type { Recorded, RunEvent } from "orchestrator-core";
import { expect, test } from "vitest";
import { type Ack, breachesOf, doubleSuccesses, type History, lostOf, takenBack } from "./law.ts";

/** A law that sees nothing proves nothing: each breach is made by hand, and found. */
const by = { role: "operator", name: "o" } as const;
const result = {
  manifest_sha256: "0",
  exits: [],
  outputs: {},
  started_at: null,
  duration_ms: 1,
  message: "",
  sandbox: null,
};
const granted = (stage_id: string, fence: number, exec_id = `${stage_id}${fence}`): RunEvent => ({
  type: "stage_granted",
  stage_id,
  exec_id,
  fence,
  agent_id: "a",
  request_id: "r",
  lease_ms: 1,
});
const queued = (stage_id: string): RunEvent => ({ type: "stage_queued", stage_id, attempt: 1 });
const succeeded = (stage_id: string, exec_id: string): RunEvent => ({
  type: "exec_succeeded",
  stage_id,
  exec_id,
  result,
});
const lost = (stage_id: string, exec_id: string): RunEvent => ({
  type: "lease_lost",
  stage_id,
  exec_id,
  cause: "expired",
  next: "queued",
});
const cancel: RunEvent = { type: "cancel_requested", by, note: "" };
const settled: RunEvent = { type: "run_settled", status: "succeeded" };

function history(...events: readonly RunEvent[]): History {
  const recorded = events.map((event, i): Recorded => ({ ...event, seq: i + 1, at: 0 }));
  return {
    run_id: "r",
    events: recorded,
    requires: new Map([
      ["a", []],
      ["b", ["a"]],
    ]),
  };
}

const story = [
  queued("a"),
  granted("a", 1),
  succeeded("a", "a1"),
  queued("b"),
  granted("b", 1),
  succeeded("b", "b1"),
  settled,
];

test("a run as it should be breaks no law", () => {
  const whole = history(...story);
  expect(breachesOf(whole)).toEqual([]);
  expect(doubleSuccesses(whole)).toEqual([]);
});

test.each<[string, History]>([
  ["began, and a had not succeeded", history(queued("b"), granted("b", 1))],
  ["fence 1 after 1", history(queued("a"), granted("a", 1), lost("a", "a1"), granted("a", 1, "a2"))],
  ["fence 3 after 1", history(queued("a"), granted("a", 1), lost("a", "a1"), granted("a", 3))],
  ["was granted before", history(queued("a"), granted("a", 1), lost("a", "a1"), granted("a", 2, "a1"))],
  ["was not open", history(queued("a"), granted("a", 1), lost("a", "a1"), granted("a", 2), succeeded("a", "a1"))],
  ["a had settled", history(...story.slice(0, 3), granted("a", 2))],
  ["follows the run's end", history(...story, cancel)],
  ["in a run that is stopping", history(queued("a"), cancel, granted("a", 1))],
  ["stands at place 2", { ...history(...story), events: history(...story).events.toSpliced(1, 1) }],
])("found: %s", (what, broken) => {
  expect(breachesOf(broken).join("\n")).toContain(what);
});

test("found: a second success", () => {
  const twice = history(queued("a"), granted("a", 1), succeeded("a", "a1"), granted("a", 2), succeeded("a", "a2"));
  expect(doubleSuccesses(twice)).toHaveLength(1);
});

const stored = new Map([["r", history(...story.slice(0, 5))]]);

test.each<Ack>([
  { kind: "submitted", run_id: "r", key: "k" },
  { kind: "granted", run_id: "r", stage_id: "a", exec_id: "a2" },
  { kind: "reported", run_id: "r", stage_id: "b", exec_id: "b1" },
  { kind: "decided", run_id: "r", stage_id: "a", decision: "approve" },
  { kind: "cancelled", run_id: "r" },
  { kind: "retried", run_id: "r" },
  { kind: "event", run_id: "r", event: { ...succeeded("b", "b1"), seq: 6, at: 0 } },
  { kind: "shown", run_id: "r", seq: 6, statuses: {} },
  { kind: "shown", run_id: "r", seq: 4, statuses: { b: "running" } },
  { kind: "shown", run_id: "elsewhere", seq: 0, statuses: {} },
])("found lost: $kind", (ack) => {
  expect(lostOf([ack], stored)).toHaveLength(1);
});

test("not lost: what is there", () => {
  const acks: Ack[] = [
    { kind: "granted", run_id: "r", stage_id: "b", exec_id: "b1" },
    { kind: "reported", run_id: "r", stage_id: "a", exec_id: "a1" },
    { kind: "shown", run_id: "r", seq: 3, statuses: { a: "succeeded", b: "pending" } },
    { kind: "event", run_id: "r", event: stored.get("r")!.events[2]! },
  ];
  expect(lostOf(acks, stored)).toEqual([]);
});

test("found: a view that shows less than an earlier one", () => {
  const shown = (seq: number): Ack => ({ kind: "shown", run_id: "r", seq, statuses: {} });
  expect(takenBack([shown(3), shown(3), shown(5)])).toEqual([]);
  expect(takenBack([shown(3), shown(5), shown(4)])).toHaveLength(1);
});
