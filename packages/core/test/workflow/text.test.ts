import { describe, expect, test } from "vitest";
import { parseWorkflowText } from "../../src/workflow/parse.ts";
import { placesOf, rendered } from "./fixtures.ts";

describe("problems of a file", () => {
  test("stand in its order, each with line, column, path and what to do", () => {
    const text = `name: ci
intnet: { goal: x }
fail_fast: yes
stages:
  build:
    exec:
      - npm ci
      - [sleep, 5]
      - "ls | wc -l"
    env: { PORT: 8080 }
  test:
    requires: [build]
    timeout: 10
    exec: [npm, test]
  deploy:
    requires: [tset, deploy]
    exec: [[./deploy]]
  stage.1:
    needs: [build]
    exec: [[ls]]
  test:
    kind: gate
`;
    expect(`\n${rendered(text)}\n`).toBe(`
error[key-unknown]: \`intnet\` is not a key of a workflow
  --> ci.yaml:2:1  /intnet
  hint: did you mean \`intent\`?
error[value-invalid]: \`fail_fast\` takes true or false, and this is the text \`yes\`
  --> ci.yaml:3:12  /fail_fast
  hint: write true, without quotes
error[argv-invalid]: \`npm ci\` is one string; a command is a list of strings
  --> ci.yaml:7:9  /stages/build/exec/0
  hint: write [npm, ci]
error[argv-invalid]: item 2 of command 2 takes text, and this is the number 5
  --> ci.yaml:8:17  /stages/build/exec/1/1
  hint: put quotes round it
error[argv-invalid]: \`ls | wc -l\` is one string; a command is a list of strings
  --> ci.yaml:9:9  /stages/build/exec/2
  hint: write each word on its own, as in [ls, -l]; for a shell line: { argv: [sh, -c, "ls | wc -l"], allow_shell: true }
error[env-invalid]: an environment variable is text, and this is the number 8080
  --> ci.yaml:10:18  /stages/build/env/PORT
  hint: put quotes round it, so that it stays exactly as written
error[duration-invalid]: the number 10 is no duration: it has no unit
  --> ci.yaml:13:14  /stages/test/timeout
  hint: did you mean \`10s\`?
error[value-invalid]: \`exec\` takes a list of commands, and this is one command: [npm, test]
  --> ci.yaml:14:11  /stages/test/exec
  hint: write exec: [[npm, test]]
error[stage-unknown]: stage \`deploy\` requires \`tset\`, and no stage has that name
  --> ci.yaml:16:16  /stages/deploy/requires/0
  hint: did you mean \`test\`?
error[cycle]: stage \`deploy\` requires itself
  --> ci.yaml:16:22  /stages/deploy/requires/1
  hint: take it out
error[stage-id-invalid]: \`stage.1\` has a dot, and the dot is reserved for generated stages
  --> ci.yaml:18:3  /stages/stage.1
  hint: a stage id is a letter and then up to 63 letters, digits, _ or -, as in \`stage-1\`
error[key-unknown]: \`needs\` is not a key of a stage
  --> ci.yaml:19:5  /stages/stage.1/needs
  hint: did you mean \`requires\`?
error[key-duplicate]: the key \`test\` stands here a second time
  --> ci.yaml:21:3  /stages/test
  hint: leave one of them out
`);
  });

  test.each<[string, string, string[]]>([
    ["an empty file", "", ["value-invalid 1:1"]],
    ["a file of comments", "# nothing\n", ["value-invalid 1:1"]],
    ["a tab as indent", "name: w\n\tstages: {}\n", ["yaml-syntax 2:1"]],
    ["a mapping in a mapping's line", "name: a: b\n", ["yaml-syntax 1:7"]],
    ["a quote that is not closed", 'name: "w\n', ["yaml-syntax 2:1"]],
    ["two documents", "name: a\n---\nname: b\n", ["yaml-syntax 2:1"]],
    ["another YAML", "%YAML 1.1\n---\nname: w\n", ["yaml-unsupported 1:1"]],
    ["a list as a key", "? [a]\n: 1\n", ["yaml-syntax 1:3"]],
    ["a tag", "name: !!str 1\nstages: { a: { exec: [[ls]] } }", ["yaml-unsupported 1:13 /name"]],
    ["a tag of its own", "name: w\nstages: !x { a: { exec: [[ls]] } }", ["yaml-unsupported 2:12 /stages"]],
    ["a number that JSON lacks", "name: .nan\nstages: { a: { exec: [[ls]] } }", ["value-invalid 1:7 /name"]],
    ["an alias of nothing", "name: *w\nstages: { a: { exec: [[ls]] } }", ["yaml-unsupported 1:7 /name"]],
    ["an alias within itself", "name: w\nstages: &s { a: *s }", ["yaml-unsupported 2:17 /stages/a"]],
    [
      "a merge key",
      "name: w\nstages:\n  a: &a { exec: [[ls]] }\n  b:\n    <<: *a\n    exec: [[ls]]\n",
      ["yaml-unsupported 5:5 /stages/b/<<"],
    ],
    [
      "a duplicate key in JSON",
      '{"name":"w","name":"v","stages":{"a":{"exec":[["ls"]]}}}',
      ["key-duplicate 1:13 /name"],
    ],
    [
      "a duplicate key deep down",
      "name: w\nstages:\n  a:\n    env: { A: x, B: y, A: z }\n    exec: [[ls]]\n",
      ["key-duplicate 4:24 /stages/a/env/A"],
    ],
    ["a missing key, at the stage's name", "name: w\nstages:\n  a:\n    requires: []\n", ["key-missing 3:3 /stages/a"]],
    ["an empty value, at its key", "name: w\nstages:\n", ["value-invalid 2:8 /stages"]],
  ])("%s has its place", (_what, text, expected) => expect(placesOf(text)).toEqual(expected));

  test("behind an alias lie where they were written", () => {
    const text = "name: w\nstages:\n  a: &a\n    exec: [[ls]]\n    timeout: 5\n  b: *a\n";
    expect(placesOf(text)).toEqual([
      "duration-invalid 5:14 /stages/a/timeout",
      "duration-invalid 5:14 /stages/b/timeout",
    ]);
  });
});

test("that there are more problems than are listed is said last", () => {
  const text = `name: w\nstages:\n${Array.from({ length: 1_001 }, (_, i) => `  s${i}: {}\n`).join("")}`;
  const places = placesOf(text);
  expect(places).toHaveLength(1_001);
  expect(places.at(-1)).toMatch(/^problems-more /);
});

describe("aliases", () => {
  test("stand for what they name", () => {
    const result = parseWorkflowText(
      "name: w\nstages:\n  a: { exec: &e [[ls]], env: &v { A: x } }\n  b: { exec: *e, env: *v }\n",
    );
    expect(result.ok && result.value.document).toEqual({
      name: "w",
      stages: { a: { exec: [["ls"]], env: { A: "x" } }, b: { exec: [["ls"]], env: { A: "x" } } },
    });
  });

  test("do not grow without a bound", () => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
    for (let i = 1; i < 30; i++)
      lines.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(", ")}]`);
    const began = performance.now();
    expect(rendered(lines.join("\n"))).toContain("error[too-large]: aliases add more than 100000 values");
    expect(performance.now() - began).toBeLessThan(3_000);
  });
});

test.each([
  "[".repeat(100_000),
  "- ".repeat(20_000),
  `${"[".repeat(5_000)}${"]".repeat(5_000)}`,
  "{a: ".repeat(5_000),
  "? ".repeat(5_000),
])("a text made to exhaust the stack is refused (%#)", (text) => expect(parseWorkflowText(text).ok).toBe(false));

test("a place can be asked for later, also of what stands in an argv written as a plain list", () => {
  const result = parseWorkflowText(
    "name: w\nstages:\n  a:\n    exec:\n      - [ls]\n      - [env, sh]\n      - argv: [sh]\n",
  );
  if (!result.ok) throw new Error("the text is right");
  const { locate } = result.value;
  expect(locate("/stages/a/exec/1/argv/1")).toEqual({ path: "/stages/a/exec/1/argv/1", line: 6, column: 15 });
  expect(locate("/stages/a/exec/2/argv/0")).toMatchObject({ line: 7, column: 16 });
  expect(locate("/stages/a", "key")).toMatchObject({ line: 3, column: 3 });
  expect(locate("/stages/nowhere/x")).toMatchObject({ line: 3, column: 3 });
});
