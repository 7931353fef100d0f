import { describe, expect, test } from "vitest";
import { judgeCommand } from "../../src/policy/judge.ts";
import { builtInPolicy, type Policy } from "../../src/policy/policy.ts";
import { readPolicy } from "../../src/policy/policy-file.ts";
import type { CommandSpec } from "../../src/workflow/spec.ts";
import { command } from "./fixtures.ts";

function policyOf(machine: string | null, project: string | null = null): Policy {
  const read = readPolicy({ machine, project });
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return read.value;
}
const problemsOf = (machine: string | null, project: string | null = null): string[] => {
  const read = readPolicy({ machine, project });
  return read.ok
    ? []
    : read.error.problems.map(({ code, place }) => `${code} ${place?.line ?? 0} ${place?.path ?? ""}`);
};
const NOW = Date.UTC(2026, 10, 26);
const judge = (policy: Policy, argv: string[], more: Partial<CommandSpec> = {}, now = NOW) =>
  judgeCommand(command(argv, more), "operator", "/c", { policy, now });
const verdict = (...given: Parameters<typeof judge>): string => judge(...given).verdict;

describe("a rule that denies or asks", () => {
  const policy = policyOf(`
deny:
  - argv: [npm, publish]
    why: releases are made by hand
    match: [[npm, publish, --tag, next]]
    not_match: [[npm, pack]]
ask:
  - argv: [git, push, { glob: "origin*" }]
    why: others see it`);

  test("speaks of a command by its beginning, wherever the program lies and whoever starts it", () => {
    expect(verdict(policy, ["npm", "publish", "--access", "public"])).toBe("deny");
    expect(verdict(policy, ["/usr/bin/npm", "publish"])).toBe("deny");
    expect(verdict(policy, ["env", "A=b", "timeout", "5", "npm", "publish"])).toBe("deny");
    expect(verdict(policy, ["npm", "pack"])).toBe("allow");
    expect(verdict(policy, ["git", "push", "origin/x"])).toBe("ask");
    expect(verdict(policy, ["git", "push", "upstream"])).toBe("allow");
  });

  test("says why, and where", () => {
    const [found] = judge(policy, ["nice", "npm", "publish"]).findings;
    expect(found).toMatchObject({ rule: "policy", verdict: "deny", problem: { code: "policy-denied" } });
    expect(found!.problem.place?.path).toBe("/c/argv/1");
    expect(found!.problem.message).toContain("releases are made by hand");
  });
});

describe("an exception", () => {
  const rule = (more = ""): string => `
allow:
  - { program: /usr/bin/git, argv: [git, -c, core.pager=./mine, log], expires: 2026-12-31, by: ada, why: reviewed${more} }`;
  const argv = ["git", "-c", "core.pager=./mine", "log"];

  test("lets exactly its command, which stays on record with who and why, for one file", () => {
    const { verdict, findings, program } = judge(policyOf(rule()), argv);
    expect([verdict, program]).toEqual(["allow", "/usr/bin/git"]);
    expect(findings.map((f) => f.rule)).toEqual(["exec-option"]);
    expect(findings[0]!.problem.message).toContain("ada, until 2026-12-31: reviewed");
  });

  test.each<[string, string[], Partial<CommandSpec>]>([
    ["a word more", [...argv, "-1"], {}],
    ["a word less", argv.slice(0, 3), {}],
    ["another word", ["git", "-c", "core.pager=sh", "log"], {}],
    ["a path to the program", ["./git", ...argv.slice(1)], {}],
    ["a launcher before it", ["env", ...argv], {}],
    ["another directory", argv, { cwd: "sub" }],
    ["a variable that it does not name", argv, { env: { GIT_DIR: "x" } }],
    ["a secret that it does not name", argv, { secrets: { TOKEN: "x" } }],
  ])("does not let a command with %s", (_, words, more) => {
    expect(verdict(policyOf(rule()), words, more)).toBe("deny");
  });

  test("may name a directory, variables, and words with a part that is open", () => {
    const policy = policyOf(`
allow:
  - program: /usr/bin/make
    argv: [make, { glob: "SHELL=/bin/*sh" }]
    cwd: ./sub/
    env: [BASH_ENV]
    expires: 2026-12-31
    by: ada
    why: legacy
    match: [[make, SHELL=/bin/bash]]
    not_match: [[make, SHELL=/bin/bash, x]]`);
    const more = { cwd: "sub", env: { BASH_ENV: "x" } };
    expect(verdict(policy, ["make", "SHELL=/bin/bash"], more)).toBe("allow");
    expect(verdict(policy, ["make", "SHELL=./bash"], more)).toBe("deny");
  });

  test("ends with its day", () => {
    const policy = policyOf(rule());
    expect(verdict(policy, argv, {}, Date.UTC(2026, 11, 31, 23, 59))).toBe("allow");
    expect(verdict(policy, argv, {}, Date.UTC(2027, 0, 1))).toBe("deny");
  });

  test("never lets what a rule denies or asks about", () => {
    expect(verdict(policyOf(`${rule()}\ndeny: [{ argv: [git], why: none here }]`), argv)).toBe("deny");
    expect(verdict(policyOf(rule(), "ask: [{ argv: [git], why: not here }]"), argv)).toBe("ask");
  });
});

test("a file can make a shell a question for operators too, or forbid it", () => {
  const shell = { allow_shell: true };
  expect(verdict(builtInPolicy, ["sh", "x"], shell)).toBe("allow");
  expect(verdict(policyOf("allow_shell: ask"), ["sh", "x"], shell)).toBe("ask");
  expect(verdict(policyOf("allow_shell: ask", "allow_shell: deny"), ["sh", "x"], shell)).toBe("deny");
});

test("a project narrows and never widens", () => {
  expect(policyOf("sandbox: contained", "sandbox: none").sandbox).toBe("contained");
  expect(policyOf(null, "sandbox: contained").sandbox).toBe("contained");
  expect(policyOf("allow_shell: deny", "allow_shell: ask").allow_shell).toBe("deny");
  expect(problemsOf(null, "allow: []")).toEqual(["key-unknown 1 /allow"]);
});

test("the digest is of the tables and both files, and of what they say alone", () => {
  const digests = [
    policyOf(null),
    policyOf("allow_shell: ask"),
    policyOf(null, "allow_shell: ask"),
    policyOf("allow_shell: ask", "allow_shell: ask"),
  ].map(({ digest }) => digest);
  expect(new Set(digests).size).toBe(4);
  expect(policyOf("# said otherwise\nallow_shell:   ask\n").digest).toBe(digests[1]);
});

test.each([
  [
    "an example that does not hold",
    "deny: [{ argv: [npm], why: x, match: [[npx]] }]",
    "policy-invalid 1 /deny/0/match/0",
  ],
  [
    "a near miss that is hit",
    "deny: [{ argv: [npm], why: x, not_match: [[npm, ci]] }]",
    "policy-invalid 1 /deny/0/not_match/0",
  ],
  ["a rule without a reason", "deny:\n  - argv: [npm]", "key-missing 2 /deny/0"],
  [
    "a day that is none",
    "allow: [{ program: /x, argv: [x], expires: 2026-02-30, by: a, why: b }]",
    "policy-invalid 1 /allow/0/expires",
  ],
  [
    "a program that is no path",
    "allow: [{ program: git, argv: [git], expires: 2026-12-31, by: a, why: b }]",
    "value-invalid 1 /allow/0/program",
  ],
  [
    "an exception for any program",
    'allow: [{ program: /x, argv: [{ glob: "*" }], expires: 2026-12-31, by: a, why: b }]',
    "policy-invalid 1 /allow/0/argv/0",
  ],
  ["a key that is none", "permit: []", "key-unknown 1 /permit"],
  ["no YAML", "deny: [", "yaml-syntax 1 "],
])("a file with %s is refused, with its place", (_, text, problem) => {
  expect(problemsOf(text)).toContain(problem);
});

test.each([
  ["*", "", true],
  ["a*b", "ab", true],
  ["a*b", "aXb", true],
  ["ab*ba", "aba", false],
  ["a*b*c", "a-b-b-c", true],
  ["a*b*c", "a-c-b", false],
  ["*.js", "x.js.map", false],
  [`${"*a".repeat(30)}b`, "a".repeat(5_000), false],
])("the glob %s and %s", (glob, word, fits) => {
  const policy = policyOf(JSON.stringify({ deny: [{ argv: ["x", { glob }], why: "y" }] }));
  expect(verdict(policy, ["x", word]) === "deny").toBe(fits);
});
