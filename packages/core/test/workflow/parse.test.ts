import { describe, expect, test } from "vitest";
import { parseWorkflowText } from "../../src/workflow/parse.ts";
import { noLimits } from "../../src/workflow/spec.ts";
import { accepted, codesOf, problemsOf, withCommand, withStage } from "./fixtures.ts";

describe("a workflow that is right", () => {
  test("becomes its internal form, with every default made explicit", () => {
    const text = `
name: build-test
intent: { goal: "main builds and its tests pass", constraints: ["no network after install"] }
stages:
  build:
    exec:
      - [npm, ci]
  test:
    requires: [build]
    cwd: packages/core
    env: { NODE_ENV: test, SHARED: "1", TOKEN: { secret: of-the-stage }, KEY: { secret: key } }
    timeout: 10m
    idle_timeout: 1m
    stop: { signal: SIGINT }
    retry: { attempts_max: 3, backoff: 2s }
    effects: once
    sandbox: contained
    network: true
    limits: { cpu_time: 10m, memory: 2GiB, open_files: 1024 }
    labels: [gpu]
    leases_lost_max: 5
    exec:
      - { argv: [npm, test], timeout: 5m, idle_timeout: 5s, stop: { grace: 0s }, cwd: ./packages/../docs/, env: { SHARED: "2", TOKEN: plain } }
      - { argv: [bash, -c, "ls | wc -l"], allow_shell: true, allow_failure: true }
  ship-it:
    kind: gate
    requires: [test]
    message: "Tests are green. Publish?"
`;
    const result = parseWorkflowText(text);
    expect(result.ok && result.value.workflow).toEqual({
      name: "build-test",
      intent: { goal: "main builds and its tests pass", constraints: ["no network after install"] },
      fail_fast: false,
      stages: {
        build: {
          kind: "exec",
          requires: [],
          exec: {
            commands: [
              {
                argv: ["npm", "ci"],
                cwd: ".",
                env: {},
                secrets: {},
                timeout_ms: null,
                idle_timeout_ms: null,
                stop: { signal: "SIGTERM", grace_ms: null },
                allow_shell: false,
                allow_failure: false,
              },
            ],
            effects: "idempotent",
            timeout_ms: null,
            sandbox: "none",
            network: false,
            limits: noLimits,
          },
          retry: { attempts_max: 1, backoff_ms: 1_000 },
          leases_lost_max: 3,
          labels: [],
        },
        test: {
          kind: "exec",
          requires: ["build"],
          exec: {
            commands: [
              {
                argv: ["npm", "test"],
                cwd: "docs",
                env: { NODE_ENV: "test", SHARED: "2", TOKEN: "plain" },
                secrets: { KEY: "key" },
                timeout_ms: 300_000,
                idle_timeout_ms: 5_000,
                stop: { signal: "SIGINT", grace_ms: 0 },
                allow_shell: false,
                allow_failure: false,
              },
              {
                argv: ["bash", "-c", "ls | wc -l"],
                cwd: "packages/core",
                env: { NODE_ENV: "test", SHARED: "1" },
                secrets: { TOKEN: "of-the-stage", KEY: "key" },
                timeout_ms: null,
                idle_timeout_ms: 60_000,
                stop: { signal: "SIGINT", grace_ms: null },
                allow_shell: true,
                allow_failure: true,
              },
            ],
            effects: "once",
            timeout_ms: 600_000,
            sandbox: "contained",
            network: true,
            limits: { ...noLimits, cpu_time_ms: 600_000, memory_bytes: 2 * 1024 ** 3, open_files: 1_024 },
          },
          retry: { attempts_max: 3, backoff_ms: 2_000 },
          leases_lost_max: 5,
          labels: ["gpu"],
        },
        "ship-it": { kind: "gate", requires: ["test"], message: "Tests are green. Publish?" },
      },
    });
  });

  test("is the same from text and from the JSON of its document", () => {
    const text = "name: w\nstages: { a: { exec: [[ls]], env: { A: 'x' } }, b: { requires: [a], exec: [[ls]] } }\n";
    const result = parseWorkflowText(text);
    if (!result.ok) throw new Error("the text is right");
    expect(accepted(JSON.parse(JSON.stringify(result.value.document)))).toEqual(result.value.workflow);
  });

  test("may name stages like members of every object", () => {
    const stages = { constructor: { exec: [["ls"]] }, toString: { exec: [["ls"]], requires: ["constructor"] } };
    expect(Object.keys(accepted({ name: "w", stages }).stages)).toEqual(["constructor", "toString"]);
    expect(codesOf({ name: "w", stages: { a: { requires: ["hasOwnProperty"], exec: [["ls"]] } } })).toEqual([
      "stage-unknown /stages/a/requires/0",
    ]);
    expect(accepted(withStage({ env: { constructor: "x" }, exec: [["ls"]] })).stages["a"]).toMatchObject({
      exec: { commands: [{ env: { constructor: "x" } }] },
    });
  });
});

const long = (length: number): string => "x".repeat(length);
const KIB = 1024;

describe("what is wrong is found, at its place", () => {
  test.each<[string, unknown, string[]]>([
    ["no mapping at all", null, ["value-invalid "]],
    ["a list for a workflow", [], ["value-invalid "]],
    ["nothing in it", {}, ["key-missing ", "key-missing "]],
    ["no stages", { name: "w", stages: {} }, ["value-invalid /stages"]],
    ["a list of stages", { name: "w", stages: [] }, ["value-invalid /stages"]],
    ["an empty name", { name: "", stages: { a: { exec: [["ls"]] } } }, ["value-invalid /name"]],
    ["a name of two lines", { name: "a\nb", stages: { a: { exec: [["ls"]] } } }, ["value-invalid /name"]],
    ["a long name", { name: long(201), stages: { a: { exec: [["ls"]] } } }, ["value-invalid /name"]],
    ["an unknown key", { name: "w", stage: 1, stages: { a: { exec: [["ls"]] } } }, ["key-unknown /stage"]],
    [
      "an unknown key of intent",
      { name: "w", intent: { gaol: "" }, stages: { a: { exec: [["ls"]] } } },
      ["key-unknown /intent/gaol"],
    ],
    ["a stage without commands", withStage({}), ["key-missing /stages/a"]],
    ["a stage with an empty list of commands", withStage({ exec: [] }), ["value-invalid /stages/a/exec"]],
    ["a stage that is no mapping", withStage("ls"), ["value-invalid /stages/a"]],
    ["an unknown kind", withStage({ kind: "job", exec: [["ls"]] }), ["value-invalid /stages/a/kind"]],
    ["a gate without its message", withStage({ kind: "gate" }), ["key-missing /stages/a"]],
    ["a gate that does not say so", withStage({ message: "?", requires: [] }), ["key-missing /stages/a"]],
    ["a gate with commands", withStage({ kind: "gate", message: "?", exec: [["ls"]] }), ["key-unknown /stages/a/exec"]],
    ["one string for a command", withCommand("npm ci"), ["argv-invalid /stages/a/exec/0"]],
    ["one command for the list", withStage({ exec: ["npm", "ci"] }), ["value-invalid /stages/a/exec"]],
    ["an empty argv", withCommand([]), ["argv-invalid /stages/a/exec/0"]],
    ["an empty argv in a mapping", withCommand({ argv: [] }), ["argv-invalid /stages/a/exec/0/argv"]],
    ["an empty program", withCommand([""]), ["argv-invalid /stages/a/exec/0/0"]],
    ["a number among arguments", withCommand(["sleep", 5]), ["argv-invalid /stages/a/exec/0/1"]],
    ["a NUL in an argument", withCommand(["ls", "a\0b"]), ["argv-invalid /stages/a/exec/0/1"]],
    ["half a character in an argument", withCommand(["ls", "\ud800"]), ["argv-invalid /stages/a/exec/0/1"]],
    ["too long an argument", withCommand(["ls", long(128 * KIB + 1)]), ["argv-invalid /stages/a/exec/0/1"]],
    [
      "too much in all arguments",
      withCommand(["ls", ...Array.from({ length: 10 }, () => long(120 * KIB))]),
      ["argv-invalid /stages/a/exec/0"],
    ],
    ["too many arguments", withCommand(Array.from({ length: 4_097 }, () => "x")), ["argv-invalid /stages/a/exec/0"]],
    [
      "too many commands",
      withStage({ exec: Array.from({ length: 1_001 }, () => ["ls"]) }),
      ["too-large /stages/a/exec"],
    ],
    [
      "a text for true",
      withCommand({ argv: ["ls"], allow_shell: "yes" }),
      ["value-invalid /stages/a/exec/0/allow_shell"],
    ],
    ["a number in env", withStage({ env: { PORT: 80 }, exec: [["ls"]] }), ["env-invalid /stages/a/env/PORT"]],
    ["a bad name in env", withStage({ env: { "A-B": "" }, exec: [["ls"]] }), ["env-invalid /stages/a/env/A-B"]],
    [
      "a name of the agent's in env",
      withCommand({ argv: ["ls"], env: { ORCHESTRATOR_X: "" } }),
      ["env-invalid /stages/a/exec/0/env/ORCHESTRATOR_X"],
    ],
    ["a NUL in env", withStage({ env: { A: "\0" }, exec: [["ls"]] }), ["env-invalid /stages/a/env/A"]],
    ["too large an env", withStage({ env: { A: long(256 * KIB) }, exec: [["ls"]] }), ["env-invalid /stages/a/env"]],
    [
      "an env that is too large only together with the stage's",
      withStage({
        env: { A: long(200 * KIB), B: "x" },
        exec: [
          { argv: ["ls"], env: { B: long(100 * KIB) } },
          { argv: ["ls"], env: { A: long(200 * KIB) } },
        ],
      }),
      ["env-invalid /stages/a/exec/0/env"],
    ],
    ["an absolute cwd", withStage({ cwd: "/tmp", exec: [["ls"]] }), ["path-outside /stages/a/cwd"]],
    ["a cwd that leaves", withCommand({ argv: ["ls"], cwd: "a/../../b" }), ["path-outside /stages/a/exec/0/cwd"]],
    ["an empty cwd", withStage({ cwd: "", exec: [["ls"]] }), ["path-outside /stages/a/cwd"]],
    ["a NUL in cwd", withStage({ cwd: "a\0", exec: [["ls"]] }), ["path-outside /stages/a/cwd"]],
    ["a duration without a unit", withStage({ timeout: 10, exec: [["ls"]] }), ["duration-invalid /stages/a/timeout"]],
    [
      "a duration in words",
      withStage({ timeout: "10 minutes", exec: [["ls"]] }),
      ["duration-invalid /stages/a/timeout"],
    ],
    ["a duration of years", withStage({ timeout: "400d", exec: [["ls"]] }), ["duration-invalid /stages/a/timeout"]],
    [
      "a grace of hours",
      withStage({ stop: { grace: "2h" }, exec: [{ argv: ["ls"], stop: { grace: "1s" } }] }),
      ["duration-invalid /stages/a/stop/grace"],
    ],
    [
      "a signal that nobody survives to answer",
      withStage({ exec: [{ argv: ["ls"], stop: { signal: "SIGKILL" } }] }),
      ["value-invalid /stages/a/exec/0/stop/signal"],
    ],
    [
      "half a second of processor time",
      withStage({ limits: { cpu_time: "500ms" }, exec: [["ls"]] }),
      ["duration-invalid /stages/a/limits/cpu_time"],
    ],
    [
      "a size without a unit",
      withStage({ limits: { memory: "512" }, exec: [["ls"]] }),
      ["value-invalid /stages/a/limits/memory"],
    ],
    [
      "a size of other units",
      withStage({ limits: { file_size: "1GB" }, exec: [["ls"]] }),
      ["value-invalid /stages/a/limits/file_size"],
    ],
    ["a level that is none", withStage({ sandbox: "strict", exec: [["ls"]] }), ["value-invalid /stages/a/sandbox"]],
    [
      "a secret without a name",
      withStage({ env: { A: { secret: "" } }, exec: [["ls"]] }),
      ["value-invalid /stages/a/env/A/secret"],
    ],
    [
      "a secret that is a path",
      withStage({ env: { A: { secret: "../x" } }, exec: [["ls"]] }),
      ["value-invalid /stages/a/env/A/secret"],
    ],
    [
      "a value of another kind",
      withStage({ env: { A: { vault: "x" } }, exec: [["ls"]] }),
      ["key-unknown /stages/a/env/A/vault", "key-missing /stages/a/env/A"],
    ],
    ["no time at all", withStage({ timeout: "0s", exec: [["ls"]] }), ["duration-invalid /stages/a/timeout"]],
    [
      "a bad backoff",
      withStage({ retry: { backoff: "soon" }, exec: [["ls"]] }),
      ["duration-invalid /stages/a/retry/backoff"],
    ],
    [
      "no attempt",
      withStage({ retry: { attempts_max: 0 }, exec: [["ls"]] }),
      ["value-invalid /stages/a/retry/attempts_max"],
    ],
    [
      "half an attempt",
      withStage({ retry: { attempts_max: 1.5 }, exec: [["ls"]] }),
      ["value-invalid /stages/a/retry/attempts_max"],
    ],
    ["a number for retry", withStage({ retry: 3, exec: [["ls"]] }), ["value-invalid /stages/a/retry"]],
    [
      "too many leases",
      withStage({ leases_lost_max: 101, exec: [["ls"]] }),
      ["value-invalid /stages/a/leases_lost_max"],
    ],
    ["unknown effects", withStage({ effects: "never", exec: [["ls"]] }), ["value-invalid /stages/a/effects"]],
    ["a bad label", withStage({ labels: ["a b"], exec: [["ls"]] }), ["value-invalid /stages/a/labels/0"]],
    ["a label twice", withStage({ labels: ["a", "a"], exec: [["ls"]] }), ["value-invalid /stages/a/labels/1"]],
    [
      "a generated stage's id",
      { name: "w", stages: { "stage.1": { exec: [["ls"]] } } },
      ["stage-id-invalid /stages/stage.1"],
    ],
    [
      "a slash in a stage's id",
      { name: "w", stages: { "a/b": { exec: [["ls"]] } } },
      ["stage-id-invalid /stages/a~1b"],
    ],
    [
      "the prototype as a stage",
      JSON.parse('{"name":"w","stages":{"__proto__":{"exec":[["ls"]]}}}'),
      ["stage-id-invalid /stages/__proto__"],
    ],
    [
      "the prototype in env",
      JSON.parse('{"name":"w","stages":{"a":{"exec":[["ls"]],"env":{"__proto__":"x"}}}}'),
      ["env-invalid /stages/a/env/__proto__"],
    ],
    ["an unknown requirement", withStage({ requires: ["b"], exec: [["ls"]] }), ["stage-unknown /stages/a/requires/0"]],
    ["a requirement of itself", withStage({ requires: ["a"], exec: [["ls"]] }), ["cycle /stages/a/requires/0"]],
    [
      "a number for a requirement",
      withStage({ requires: [1], exec: [["ls"]] }),
      ["value-invalid /stages/a/requires/0"],
    ],
    [
      "an unknown requirement twice",
      withStage({ requires: ["b", "b"], exec: [["ls"]] }),
      ["requirement-repeated /stages/a/requires/1", "stage-unknown /stages/a/requires/0"],
    ],
  ])("%s", (_what, value, expected) => {
    expect(codesOf(value)).toEqual(expected);
    for (const problem of problemsOf(value)) expect(problem.message).not.toBe("");
  });

  test("each circle once, as a chain that closes", () => {
    const stage = (...requires: string[]) => ({ requires, exec: [["ls"]] });
    const found = problemsOf({
      name: "w",
      stages: { a: stage("b"), b: stage("c"), c: stage("a"), d: stage("e", "a"), e: stage("d") },
    });
    expect(found.map((p) => `${p.message} (${p.place?.path})`)).toEqual([
      "stages require each other in a circle: a -> b -> c -> a (/stages/c/requires/0)",
      "stages require each other in a circle: d -> e -> d (/stages/e/requires/0)",
    ]);
  });

  test("a long circle is cut in the middle", () => {
    const stages = Object.fromEntries(
      Array.from({ length: 100 }, (_, i) => [`s${i}`, { requires: [`s${(i + 1) % 100}`], exec: [["ls"]] }]),
    );
    const [problem] = problemsOf({ name: "w", stages });
    expect(problem?.message).toMatch(/: s0 -> s1 -> .* -> … \(89 more\) … -> s99 -> s0$/);
  });

  test("all of it at once, to a bound", () => {
    const stages = Object.fromEntries(
      Array.from({ length: 3_000 }, (_, i) => [`s${i}`, { requires: ["nobody"], exec: [["ls"]] }]),
    );
    const found = problemsOf({ name: "w", stages });
    expect(found).toHaveLength(1_001);
    expect(found.at(-1)).toMatchObject({
      code: "problems-more",
      message: "2000 more problems were found; the first 1000 are listed",
    });
  });
});

test("50,000 stages are inspected in well under a second", () => {
  const stages = Object.fromEntries(
    Array.from({ length: 50_000 }, (_, i) => [
      `s${i}`,
      {
        requires: i < 3 ? [] : [`s${i - 1}`, `s${i - 2}`, `s${i - 3}`],
        env: { A: "b" },
        exec: [["npm", "ci"], { argv: ["npm", "test"], timeout: "5m" }],
      },
    ]),
  );
  const began = performance.now();
  expect(Object.keys(accepted({ name: "w", stages }).stages)).toHaveLength(50_000);
  // Generous, for a busy machine: it takes less than half a second alone.
  expect(performance.now() - began).toBeLessThan(3_000);
});
