import { expect, test } from "vitest";
import { bundleLines, decisionLines, localTime, outputLines, stageTable } from "../../src/render/run.ts";
import { style } from "../../src/render/style.ts";
import { failedCommand } from "../../src/watch/end.ts";
import { BEGAN_MS, DIGEST, stageView } from "../fixtures.ts";

const lines = (stages: Parameters<typeof stageTable>[0]) => stageTable(stages, style(false), BEGAN_MS);

test("the table of a run says of each stage how it ended, how long it took and why", () => {
  expect(
    lines([
      stageView("build", { status: "succeeded", duration_ms: 4_200, attempt: 1 }),
      stageView("test", { status: "failed", duration_ms: 65_000, attempt: 3, reason: "timeout", message: "after\n1m" }),
      stageView("ship-it", { status: "skipped", reason: "requirement_failed", message: "test did not succeed" }),
    ]),
  ).toEqual([
    "STAGE    STATUS       TIME  ATTEMPTS  REASON",
    "build    succeeded    4.2s         1",
    "test     failed     1m 05s         3  timeout: after 1m",
    "ship-it  skipped                      requirement_failed: test did not succeed",
  ]);
});

test("the table of a large run shows what did not succeed and counts the rest", () => {
  const many = Array.from({ length: 500 }, (_, i) => stageView(`stage-${i}`, { status: "succeeded" }));
  expect(lines(many)).toEqual(["500 stages, all of them succeeded"]);
  const [, failed, rest] = lines([...many, stageView("last", { status: "failed", reason: "exit_non_zero" })]);
  expect(failed).toMatch(/^last +failed/);
  expect(rest).toBe("… and 500 more; 500 stages succeeded");
});

test("decisions say who answered what, to which question, when and why", () => {
  const decision = {
    subject: "gate",
    decision: "approve",
    digest: DIGEST,
    by: { role: "operator", name: "ada" },
    note: "looks\ngood",
    at: "2026-11-22T10:00:00.000Z",
  };
  const stages = [
    stageView("build"),
    stageView("ship-it", { decisions: [decision] }),
    stageView("go", { decisions: [{ ...decision, note: "" }] }),
  ];
  const at = localTime(decision.at);
  expect(decisionLines(stages)).toEqual([
    `ship-it  approve (gate) by ada, ${at}: looks good`,
    `go       approve (gate) by ada, ${at}`,
  ]);
});

test("outputs are shown by their stages, each on one line, and not more than fit", () => {
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`name_${i}`, "x"]));
  const stages = [stageView("sum", { outputs: { total: "110961", text: `a\u001b[31m${"b".repeat(200)}` } })];
  expect(outputLines(stages)[0]).toBe("sum  total=110961");
  expect(outputLines(stages)[1]).toMatch(/^sum {2}text=a\\x1b\[31mb+…$/);
  expect(outputLines([stageView("a", { outputs: many })]).at(-1)).toBe("… and 5 more");
});

test("a stage without a published bundle has no place to show", () => {
  expect(bundleLines([stageView("gate", { kind: "gate" })])).toEqual([]);
});

test("the failing command is the last one that was started", () => {
  const exited = (code: number) => ({ code, signal: null });
  expect(failedCommand({ exits: [exited(1), exited(0), exited(2), null] })).toBe(2);
  expect(failedCommand({ exits: [] })).toBe(0);
});
