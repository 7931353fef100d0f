import { expect, test } from "vitest";
import { renderProblem } from "../../src/workflow/render.ts";

test("a problem says what happened, where and what to do next", () => {
  const problem = {
    code: "stage-unknown",
    message: "stage `deploy` requires `tset`, and no stage has that name",
    place: { path: "/stages/deploy/requires/0", line: 14, column: 17 },
    hint: "did you mean `test`?",
  } as const;
  expect(renderProblem(problem, "ci.yaml")).toBe(
    [
      "error[stage-unknown]: stage `deploy` requires `tset`, and no stage has that name",
      "  --> ci.yaml:14:17  /stages/deploy/requires/0",
      "  hint: did you mean `test`?",
    ].join("\n"),
  );
});

test("what is not known is left out, and nothing of it steers a terminal", () => {
  expect(renderProblem({ code: "cycle", message: "a\u001b[2Jb", place: { path: "" } }, "f\n")).toBe(
    "error[cycle]: a\\u{001b}[2Jb\n  --> f\\u{000a}",
  );
  expect(renderProblem({ code: "cycle", message: "m" }, "f")).toBe("error[cycle]: m");
});

test("a message of several lines is indented, so that none of them passes for one of ours", () => {
  expect(renderProblem({ code: "query-invalid", message: "no\n | SELEC\nerror: forged\n" }, "")).toBe(
    "error[query-invalid]: no\n       | SELEC\n      error: forged",
  );
});
