import fc from "fast-check";
import { Value } from "typebox/value";
import { describe, expect, test } from "vitest";
import { makePlan } from "../../src/workflow/plan.ts";
import { parseWorkflow, parseWorkflowText } from "../../src/workflow/parse.ts";
import { renderProblem } from "../../src/workflow/render.ts";
import { WorkflowFileSchema } from "../../src/workflow/schema.ts";

/** Workflows that are right in most places, so that the deeper checks are reached. */
const ids = ["a", "b", "c", "constructor"];
const junk = fc.oneof({ weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) });
const mostly = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 30, arbitrary }, { weight: 1, arbitrary: junk });
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(mostly(arbitrary), { nil: undefined, freq: 2 });
const record = (model: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record(model).map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)));

const argv = fc.array(mostly(fc.constantFrom("ls", "sh", "x y", "é", "")), { minLength: 1, maxLength: 3 });
const env = fc.dictionary(fc.constantFrom("A", "PATH", "__proto__", "ORCHESTRATOR_X", "1"), mostly(fc.string()), {
  maxKeys: 2,
});
const cwd = fc.constantFrom(".", "a", "a/../b", "..", "/x");
const duration = fc.constantFrom("1s", "5m", "0s", "1x");
const command = fc.oneof(
  argv,
  record({
    argv: mostly(argv),
    env: optional(env),
    cwd: optional(cwd),
    timeout: optional(duration),
    allow_shell: optional(fc.boolean()),
  }),
);
const requires = fc.subarray([...ids, "nobody"]);
const stage = fc.oneof(
  {
    weight: 5,
    arbitrary: record({
      exec: mostly(fc.array(mostly(command), { minLength: 1, maxLength: 3 })),
      requires: optional(requires),
      env: optional(env),
      cwd: optional(cwd),
      timeout: optional(duration),
    }),
  },
  {
    weight: 1,
    arbitrary: record({
      kind: mostly(fc.constant("gate")),
      message: mostly(fc.constant("?")),
      requires: optional(requires),
    }),
  },
);
const workflow = record({
  name: mostly(fc.constant("w")),
  stages: mostly(
    fc.tuple(...ids.map(() => mostly(stage))).map((all) => Object.fromEntries(ids.map((id, i) => [id, all[i]]))),
  ),
  fail_fast: optional(fc.boolean()),
});

function inspect(value: unknown): void {
  const result = parseWorkflow(value);
  if (result.ok) {
    expect(Value.Check(WorkflowFileSchema, value)).toBe(true);
    expect(makePlan(result.value, "").stages.length).toBe(Object.keys(result.value.stages).length);
  } else {
    for (const problem of result.error) expect(renderProblem(problem, "f")).toMatch(/^error\[[a-z-]+\]: ./);
  }
}

describe("whatever comes in", () => {
  test("as JSON is a workflow, which the editor's schema and the planner take too, or has problems", () => {
    fc.assert(fc.property(fc.jsonValue(), inspect), { numRuns: 300 });
    fc.assert(fc.property(workflow, inspect), { numRuns: 2_000 });
  });

  test("as text is a workflow or has problems with line and column", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "name: w\n",
        "stages:\n",
        "  a:\n",
        "    exec: [[ls]]\n",
        "\t",
        "- ",
        "? ",
        ": ",
        "&a ",
        "*a",
        "<<: ",
        "!!str ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "'",
        '"',
        "|\n",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
        "#",
        "\u0000",
        "\ud800",
        "\ufeff",
        "\r",
      ),
      fc.string({ maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const result = parseWorkflowText(pieces.join(""));
        if (result.ok) return;
        for (const { place } of result.error) {
          expect(place?.line).toBeGreaterThan(0);
          expect(place?.column).toBeGreaterThan(0);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  test("as JSON and as its text has the same problems", () => {
    fc.assert(
      fc.property(workflow, (value) => {
        const codes = (result: ReturnType<typeof parseWorkflow>) =>
          result.ok ? [] : result.error.map((p) => `${p.code} ${p.place?.path} ${p.message}`).sort();
        const text = parseWorkflowText(JSON.stringify(value));
        expect(codes(text.ok ? { ok: true, value: text.value.workflow } : text)).toEqual(
          codes(parseWorkflow(JSON.parse(JSON.stringify(value)))),
        );
      }),
      { numRuns: 500 },
    );
  });
});
