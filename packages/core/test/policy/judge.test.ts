import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { judgeExec, judgeWorkflow } from "../../src/policy/judge.ts";
import { optionNames, words } from "../../src/policy/options.ts";
import { policyDigest } from "../../src/policy/policy.ts";
import type { ProgramRow } from "../../src/policy/row.ts";
import { rows } from "../../src/policy/tables/index.ts";
import { shells } from "../../src/policy/tables/shells.ts";
import { noLimits, type WorkflowSpec } from "../../src/workflow/spec.ts";
import { command, exampleWords, judge } from "./fixtures.ts";

const codes = (verdict: ReturnType<typeof judge>) => verdict.findings.map(({ problem }) => problem.code);
const places = (verdict: ReturnType<typeof judge>) => verdict.findings.map(({ problem }) => problem.place?.path);

describe("a shell", () => {
  test("is refused at the word that names it, and the hint says exactly what to change", () => {
    expect(judge(["timeout", "5", "/usr/bin/env", "-i", "bash", "-c", "ls"])).toEqual({
      verdict: "deny",
      findings: [
        {
          rule: "shell",
          verdict: "deny",
          problem: {
            code: "shell-denied",
            message: "the command starts a shell: `bash` (through `timeout`, `/usr/bin/env`)",
            place: { path: "/stages/a/exec/0/argv/4" },
            hint:
              "set `allow_shell: true` on this command, as in { argv: " +
              '[timeout, "5", /usr/bin/env, -i, bash, -c, ls], allow_shell: true }, or start the program itself',
          },
        },
      ],
    });
  });

  test("that is asked for is allowed to an operator and recorded", () => {
    const verdict = judge(["sh", "-c", "ls"], { allow_shell: true });
    expect(verdict.verdict).toBe("allow");
    expect(verdict.findings.map((f) => [f.rule, f.verdict])).toEqual([["shell", "allow"]]);
  });

  test("that a proposer asks for waits for a person", () => {
    expect(judge(["env", "sh", "-c", "ls"], { allow_shell: true }, "proposer").verdict).toBe("ask");
    expect(judge(["sh", "-c", "ls"], {}, "proposer").verdict).toBe("deny");
  });

  test("is nothing that an agent may submit", () => {
    expect(judge(["sh"], { allow_shell: true }, "agent").verdict).toBe("deny");
  });

  test("is found in the text that env splits, at that argument", () => {
    expect(places(judge(["env", "-i", "-S", "A=b sh -c ls"]))).toEqual(["/stages/a/exec/0/argv/2"]);
  });

  test("leaves no finding where allow_shell is set and none is started", () => {
    expect(judge(["ls"], { allow_shell: true })).toEqual({ verdict: "allow", findings: [] });
  });
});

describe("a secret", () => {
  const secrets = { TOKEN: "deploy-token" };
  test("is given to an operator's command, and a person decides about a proposer's", () => {
    expect(judge(["npm", "publish"], { secrets })).toEqual({ verdict: "allow", findings: [] });
    const asked = judge(["npm", "publish"], { secrets }, "proposer");
    expect(asked.verdict).toBe("ask");
    expect(codes(asked)).toEqual(["secret-asked"]);
    expect(places(asked)).toEqual(["/stages/a/exec/0/env/TOKEN"]);
  });

  test("is refused in a variable that changes which code runs, whatever its value", () => {
    expect(codes(judge(["npm", "test"], { secrets: { LD_PRELOAD: "x" } }))).toEqual(["env-denied"]);
    // harmless with the right value, which nobody here knows
    expect(codes(judge(["git", "log"], { secrets: { PAGER: "x" } }))).toEqual(["env-denied"]);
  });
});

describe("a launcher", () => {
  test.each([
    ["an option that nobody knows", ["env", "--shell=sh", "ls"]],
    ["an unknown short option in a cluster", ["xargs", "-0Z", "ls"]],
    ["an option that lacks its value", ["nice", "-n"]],
    ["a value where none belongs", ["nohup", "--help=x", "ls"]],
    ["an abbreviation that could be two options", ["env", "--i", "ls"]],
    ["an escape in the text that env splits", ["env", "-S", "s\\_h"]],
    ["a variable in the text that env splits", ["env", "-S", "${SHELL} -c ls"]],
    ["a duration that is none", ["timeout", "inf", "ls"]],
    ["its program out of its input", ["xargs", "-a", "list", "-I%", "%"]],
    ["its launcher's program out of its input", ["xargs", "nice", "-n", "5"]],
    ["its launcher's options out of its input", ["xargs", "-I%", "env", "-u", "%", "ls"]],
  ])("with %s is refused", (_what, argv) => {
    const verdict = judge(argv);
    expect(verdict.verdict).toBe("deny");
    expect(codes(verdict)).toEqual(["launcher-unknown-option"]);
  });

  test("that hides what it starts is refused although allow_shell is set", () => {
    expect(judge(["env", "--shell=sh", "ls"], { allow_shell: true }).verdict).toBe("deny");
  });

  test("may stand before 15 others and no more", () => {
    const nested = (count: number) => [...Array.from({ length: count }, () => "env"), "ls"];
    expect(judge(nested(16)).verdict).toBe("allow");
    expect(codes(judge(nested(17)))).toEqual(["launcher-unknown-option"]);
  });
});

describe("a program's path", () => {
  test("may be absolute, or relative within the workspace", () => {
    for (const program of ["/usr/bin/ls", "./build", "node_modules/.bin/tsc", "../tools/gen"]) {
      expect(judge([program], { cwd: "packages/core" }).verdict).toBe("allow");
    }
  });

  test("must not leave the workspace, seen from the command's cwd", () => {
    expect(codes(judge(["../x"]))).toEqual(["path-outside"]);
    expect(codes(judge(["../../x"], { cwd: "a" }))).toEqual(["path-outside"]);
    expect(codes(judge(["nice", "a/../../x"]))).toEqual(["path-outside"]);
    expect(codes(judge(["../bin/sh"], { allow_shell: true }))).toEqual(["path-outside", "shell-denied"]);
  });

  test("is seen from where a launcher changes to, which must not be outside either", () => {
    expect(judge(["env", "-C", "a/b", "../x"]).verdict).toBe("allow");
    expect(codes(judge(["env", "-C", "a", "../../x"]))).toEqual(["path-outside"]);
    expect(codes(judge(["env", "-C", "..", "ls"]))).toEqual(["path-outside"]);
    expect(codes(judge(["env", "--chdir=/etc", "ls"]))).toEqual(["path-outside"]);
  });
});

describe("a workflow's verdict", () => {
  const stage = (...argvs: string[][]): WorkflowSpec["stages"][string] => ({
    kind: "exec",
    requires: [],
    exec: {
      commands: argvs.map((argv) => command(argv, { allow_shell: true })),
      effects: "idempotent",
      timeout_ms: null,
      sandbox: "none",
      network: false,
      limits: noLimits,
    },
    retry: { attempts_max: 1, backoff_ms: 0 },
    leases_lost_max: 3,
    labels: [],
  });
  const workflow = (stages: WorkflowSpec["stages"]): WorkflowSpec => ({
    name: "w",
    intent: null,
    fail_fast: false,
    stages,
  });

  test("is the strictest of its commands', which stand by stage", () => {
    const spec = workflow({
      a: stage(["ls"], ["sh"]),
      b: stage(["ls"]),
      ok: { kind: "gate", requires: [], message: "?" },
    });
    const { verdict, stages } = judgeWorkflow(spec, "proposer");
    expect(verdict).toBe("ask");
    expect([...stages].map(([id, verdicts]) => [id, verdicts.map((v) => v.verdict)])).toEqual([
      ["a", ["allow", "ask"]],
      ["b", ["allow"]],
    ]);
    expect(judgeWorkflow(spec, "operator").verdict).toBe("allow");
  });

  test("has places that lead back into the file", () => {
    const { stages } = judgeWorkflow(workflow({ a: stage(["ls"], ["nice", "sh"]) }), "operator");
    expect(places(stages.get("a")![1]!)).toEqual(["/stages/a/exec/1/argv/1"]);
  });

  test("is the same for whoever judges the commands alone", () => {
    const spec = stage(["nice", "sh"], ["env", "-Z"]);
    if (spec.kind !== "exec") throw new Error("an exec stage");
    expect(judgeExec(spec.exec, "proposer", "/stages/a/exec")).toEqual(
      judgeWorkflow(workflow({ a: spec }), "proposer").stages.get("a"),
    );
  });
});

test("the policy digest is one of our digests", () => expect(policyDigest).toMatch(/^[0-9a-f]{64}$/));

// Random ways to write a launcher before a command, from its own row, sound or not.

const word = fc.oneof(
  fc.constantFrom("x", "5", "A=b", "-", "--", "-x", "sub", "{}", "0x1", "", "-n", "--help"),
  fc.string({ maxLength: 6 }),
);
const knownOption = ({ grammar, options = {} }: ProgramRow): fc.Arbitrary<string[]> => {
  const all = Object.values(options).flatMap((names) => optionNames(grammar, names));
  if (all.length === 0) return fc.constant([]);
  return fc
    .tuple(fc.constantFrom(...all), fc.constantFrom("alone", "joined", "next", "cut"), word)
    .map(([option, how, value]) => {
      if (how === "joined") return [option.startsWith("--") ? `${option}=${value}` : option + value];
      if (how === "next") return [option, value];
      return [how === "cut" ? option.slice(0, -1) || option : option];
    });
};
const operand = fc.constantFrom([], ["5"], ["file"], ["A=b"], ["--"], ["-10"]);
const wrapping = fc
  .constantFrom(...rows)
  .chain((row) =>
    fc
      .tuple(
        fc.constantFrom(...words(row.names)),
        fc.array(knownOption(row), { maxLength: 3 }),
        fc.array(operand, { maxLength: 2 }),
      )
      .map(([name, options, operands]) => [name, ...options.flat(), ...operands.flat()]),
  );
/** Reads as it should: the command that follows is what it starts. */
const soundWrapping = fc.constantFrom(
  ["env", "-i", "A=b"],
  ["nice", "-n", "5"],
  ["timeout", "-k", "1", "5"],
  ["nohup"],
  ["xargs", "-n1"],
  ["flock", "-n", "lock"],
  ["watch", "-x"],
  ["busybox"],
  ["unshare", "-r"],
  ["taskset", "-c", "0"],
  ["strace", "-f", "-o", "out"],
);
const refused = fc.oneof(
  fc.constantFrom(...[...shells, ...rows].flatMap((row) => row.match)).map((example) => [...exampleWords(example)]),
  fc.constantFrom(["../outside"], ["env", "--unknown"], ["watch", "ls"]),
);

describe("wrapping", () => {
  test("a refused command never makes it allowed", () => {
    fc.assert(
      fc.property(fc.array(soundWrapping, { minLength: 1, maxLength: 20 }), refused, (wrappings, argv) => {
        expect(judge([...wrappings.flat(), ...argv]).verdict).toBe("deny");
      }),
      { numRuns: 2_000 },
    );
  });

  test("never makes a shell allowed to anybody who may only ask for it", () => {
    fc.assert(
      fc.property(fc.array(soundWrapping, { maxLength: 20 }), (wrappings) => {
        expect(judge([...wrappings.flat(), "sh"], { allow_shell: true }, "proposer").verdict).not.toBe("allow");
      }),
    );
  });

  test("in whatever form is judged, and twice the same", () => {
    fc.assert(
      fc.property(fc.array(wrapping, { maxLength: 18 }), refused, (wrappings, argv) => {
        const all = [...wrappings.flat(), ...argv];
        expect(judge(all)).toEqual(judge(all));
      }),
      { numRuns: 2_000 },
    );
  });

  test("any words gives a verdict", () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 8 }), (argv) => {
        expect(["allow", "deny"]).toContain(judge(argv).verdict);
      }),
    );
  });
});
