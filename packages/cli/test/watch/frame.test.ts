import { expect, test } from "vitest";
import { style } from "../../src/render/style.ts";
import { width } from "../../src/render/text.ts";
import { frame } from "../../src/watch/frame.ts";
import { modelOf } from "../../src/watch/model.ts";
import { BEGAN_MS, runView, stageView } from "../fixtures.ts";

const plain = style(false);
const size = { columns: 80, rows: 24 };
const at = (seconds: number): string => new Date(BEGAN_MS + seconds * 1_000).toISOString();

test("each stage has a line with state and time, and a line counts them", () => {
  const model = modelOf(
    runView([
      stageView("build", { status: "succeeded", duration_ms: 4_200, attempt: 1, since: at(5) }),
      stageView("test", { status: "running", attempt: 2, since: at(6) }),
      stageView("ship-it", { kind: "gate" }),
    ]),
  );
  expect(frame(model, BEGAN_MS + 8_500, size, plain)).toEqual([
    "  build    succeeded       4.2s",
    "  test     running         2.5s  attempt 2",
    "  ship-it  pending             ",
    "  1 of 3 settled: 1 succeeded · 1 running, 1 pending · 8.5s",
  ]);
});

test("the picture of a large run is never taller than the terminal, and shows what runs", () => {
  const stages = Array.from({ length: 5_000 }, (_, i) =>
    stageView(`stage-${i}`, { status: i < 4_000 ? "succeeded" : i < 4_008 ? "running" : "pending", since: at(i) }),
  );
  const lines = frame(modelOf(runView(stages)), BEGAN_MS + 9_000_000, { columns: 80, rows: 12 }, plain);
  expect(lines.length).toBeLessThanOrEqual(11);
  expect(lines.filter((line) => line.includes("running  "))).toHaveLength(8);
  expect(lines.at(-1)).toContain("4000 of 5000 settled");
});

test("no line is wider than the terminal, whatever a reason says", () => {
  const message = "日本\u001b[2J ".repeat(40);
  const stage = stageView("a".repeat(60), { status: "failed", reason: "exit_non_zero", message, since: at(1) });
  for (const columns of [30, 80, 200]) {
    for (const line of frame(modelOf(runView([stage])), BEGAN_MS, { columns, rows: 24 }, plain)) {
      expect(width(line)).toBeLessThan(Math.max(columns, 68));
      expect(line).not.toContain("\u001b");
    }
  }
});
