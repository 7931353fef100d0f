import { digestOf, type Json } from "../canonical.ts";
import { pathBeneath } from "../path.ts";
import { quote } from "../quote.ts";
import { err, ok, type Result } from "../result.ts";
import { type Static, Type } from "../schema.ts";
import { type Check, compileCheck, type Rules } from "../workflow/check.ts";
import { found, type Report } from "../workflow/found.ts";
import { isMapping } from "../workflow/node.ts";
import { type SandboxLevel, sandboxLevels } from "../workflow/spec.ts";
import { type Problems, readText } from "../workflow/text.ts";
import { type AllowRule, builtInPolicy, fits, type Policy, type RestrictRule, type WordPattern } from "./policy.ts";

/**
 * Policy files: what the tables say, made stricter for a machine or a project, and, for a machine alone, exact exceptions.
 * A rule's examples are tried when the file is read; one that does not hold is a problem of the file.
 */
const closed = { additionalProperties: false };
const RULES_MAX = 1_000;

const Words = Type.Array(Type.String(), { minItems: 1, maxItems: 4_096, "x-noun": "a list of strings" });
const Examples = Type.Optional(
  Type.Array(Words, { maxItems: 100, "x-noun": "a list of commands", "x-example": "match: [[npm, publish]]" }),
);
const Pattern = Type.Array(
  Type.Union(
    [
      Type.String(),
      Type.Object(
        { glob: Type.String({ minLength: 1, "x-example": 'glob: "--tag=*"' }) },
        { ...closed, "x-noun": "a glob" },
      ),
    ],
    { "x-noun": "a string, or { glob: TEXT } with * for any text" },
  ),
  { minItems: 1, maxItems: 4_096, "x-noun": "a list of arguments", "x-example": "argv: [npm, publish]" },
);
const Why = Type.String({ minLength: 1, maxLength: 1_024, "x-example": 'why: "releases are made by hand"' });

const RestrictSchema = Type.Object(
  { argv: Pattern, why: Why, match: Examples, not_match: Examples },
  { ...closed, "x-noun": "a rule", "x-rule": "restrict" },
);
const AllowSchema = Type.Object(
  {
    program: Type.String({ pattern: "^/", "x-noun": "an absolute path", "x-example": "program: /usr/bin/git" }),
    argv: Pattern,
    cwd: Type.Optional(Type.String({ "x-noun": "a path in the workspace" })),
    env: Type.Optional(Type.Array(Type.String(), { maxItems: 256, "x-noun": "a list of names" })),
    expires: Type.String({
      pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
      "x-noun": "a day, as in 2027-01-31",
      "x-rule": "day",
      "x-example": "expires: 2027-01-31",
    }),
    by: Type.String({ minLength: 1, maxLength: 200, "x-example": "by: ada" }),
    why: Why,
    match: Examples,
    not_match: Examples,
  },
  { ...closed, "x-noun": "an exception", "x-rule": "allow" },
);

const narrowing = {
  sandbox: Type.Optional(
    Type.Union([Type.Literal("none"), Type.Literal("contained")], { "x-noun": "`none` or `contained`" }),
  ),
  allow_shell: Type.Optional(
    Type.Union([Type.Literal("ask"), Type.Literal("deny")], {
      "x-noun": "`ask` or `deny`",
      "x-example": "allow_shell: ask",
    }),
  ),
  deny: Type.Optional(Type.Array(RestrictSchema, { maxItems: RULES_MAX, "x-noun": "a list of rules" })),
  ask: Type.Optional(Type.Array(RestrictSchema, { maxItems: RULES_MAX, "x-noun": "a list of rules" })),
};
const MachineSchema = Type.Object(
  {
    ...narrowing,
    allow: Type.Optional(Type.Array(AllowSchema, { maxItems: RULES_MAX, "x-noun": "a list of exceptions" })),
  },
  { ...closed, "x-noun": "a policy" },
);
const ProjectSchema = Type.Object(narrowing, {
  ...closed,
  "x-noun": "a project's policy",
  "x-key-hints": { allow: "a project can only narrow: exceptions stand in the machine's policy.yaml" },
});
type RestrictFile = Static<typeof RestrictSchema>;
type AllowFile = Static<typeof AllowSchema>;
type PolicyFile = Static<typeof MachineSchema>;

const rules: Rules = {
  rules: {
    restrict: (value, path, report) =>
      tryExamples(value, path, report, (file) => restrictOf(file as RestrictFile, "deny")),
    allow: checkAllow,
    day(value, path, report) {
      if (typeof value === "string" && Number.isNaN(endOf(value)))
        report(found("policy-invalid", path, `${quote(value)} is no day of the calendar`, "write it as 2027-01-31"));
    },
  },
  explanations: {},
};
const checks: Readonly<Record<PolicyKind, Check>> = {
  machine: compileCheck(MachineSchema, rules),
  project: compileCheck(ProjectSchema, rules),
};

/** `machine`: the state directory's, for daemon and agents alike. `project`: the workspace's, which can only narrow it. */
export type PolicyKind = "machine" | "project";

export const POLICY_BYTES_MAX = 1024 * 1024;

/** Where they lie: in the state directory, and in the workspace. */
export const policyFileNames: Readonly<Record<PolicyKind, string>> = {
  machine: "policy.yaml",
  project: "orchestrator.policy.yaml",
};

export interface PolicyProblems {
  readonly kind: PolicyKind;
  readonly problems: Problems;
}

/** The policy that the tables and these files make together. Null: there is no such file. */
export function readPolicy(texts: Readonly<Record<PolicyKind, string | null>>): Result<Policy, PolicyProblems> {
  let policy = builtInPolicy;
  for (const kind of ["machine", "project"] as const) {
    const text = texts[kind];
    if (text === null) continue;
    const file = readPolicyFile(text, kind);
    if (!file.ok) return err({ kind, problems: file.error });
    policy = narrowed(policy, file.value, kind);
  }
  return ok(policy);
}

/** What a file says, in numbers: its rules, and the examples that held. */
export function policySummary(text: string, kind: PolicyKind): Result<{ rules: number; examples: number }, Problems> {
  const file = readPolicyFile(text, kind);
  if (!file.ok) return file;
  const rules = [...(file.value.deny ?? []), ...(file.value.ask ?? []), ...(file.value.allow ?? [])];
  const examples = rules.reduce((sum, { match = [], not_match = [] }) => sum + match.length + not_match.length, 0);
  return ok({ rules: rules.length, examples });
}

function readPolicyFile(text: string, kind: PolicyKind): Result<PolicyFile, Problems> {
  const read = readText(text, POLICY_BYTES_MAX, (value, report) => checks[kind](value, "", report));
  return read.ok ? ok(read.value.document as unknown as PolicyFile) : read;
}

function narrowed(before: Policy, file: PolicyFile, kind: PolicyKind): Policy {
  const { sandbox = "none", allow_shell = "allow", deny = [], ask = [], allow = [] } = file;
  return {
    digest: digestOf({ before: before.digest, kind, file: file as unknown as Json }),
    sandbox: higher(before.sandbox, sandbox),
    allow_shell: [before.allow_shell, allow_shell].includes("deny")
      ? "deny"
      : [before.allow_shell, allow_shell].includes("ask")
        ? "ask"
        : "allow",
    restrict: [
      ...before.restrict,
      ...deny.map((rule) => restrictOf(rule, "deny")),
      ...ask.map((rule) => restrictOf(rule, "ask")),
    ],
    allow: [...before.allow, ...allow.map(allowOf)],
  };
}

export const higher = (a: SandboxLevel, b: SandboxLevel): SandboxLevel =>
  sandboxLevels.indexOf(a) > sandboxLevels.indexOf(b) ? a : b;

const patternOf = (argv: RestrictFile["argv"]): readonly WordPattern[] =>
  argv.map((word) => (typeof word === "string" ? { text: word } : word));

const restrictOf = ({ argv, why }: RestrictFile, verdict: "deny" | "ask"): RestrictRule => ({
  verdict,
  argv: patternOf(argv),
  why,
});

const allowOf = ({ program, argv, cwd = ".", env = [], expires, by, why }: AllowFile): AllowRule => ({
  program,
  argv: patternOf(argv),
  cwd: pathBeneath(".", cwd) ?? cwd,
  env,
  expires,
  expires_at: endOf(expires),
  by,
  why,
});

/** The end of a day, UTC, in wall-clock milliseconds. */
function endOf(day: string): number {
  const [year = 0, month = 0, date = 0] = day.split("-").map(Number);
  const begin = Date.UTC(year, month - 1, date);
  const isDay = new Date(begin).getUTCMonth() === month - 1 && new Date(begin).getUTCDate() === date;
  return isDay ? begin + 86_400_000 : Number.NaN;
}

/** An exception names its program, word for word: what a `*` may stand for in the first word nobody can check. */
function checkAllow(value: unknown, path: string, report: Report): void {
  if (!isMapping(value)) return;
  if (Array.isArray(value["argv"]) && typeof value["argv"][0] !== "string") {
    report(found("policy-invalid", `${path}/argv/0`, "an exception names its program word for word", "write its name"));
  }
  if (typeof value["cwd"] === "string" && pathBeneath(".", value["cwd"]) === null) {
    report(found("path-outside", `${path}/cwd`, "`cwd` lies outside of the workspace"));
  }
  tryExamples(value, path, report, (file) => allowOf(file as AllowFile));
}

function tryExamples(
  value: unknown,
  path: string,
  report: Report,
  ruleOf: (value: unknown) => AllowRule | RestrictRule,
): void {
  if (!isMapping(value) || !Array.isArray(value["argv"])) return;
  const rule = ruleOf(value);
  for (const [key, wanted] of [
    ["match", true],
    ["not_match", false],
  ] as const) {
    const examples = value[key];
    if (!Array.isArray(examples)) continue;
    for (const [i, argv] of examples.entries()) {
      if (!Array.isArray(argv) || fits(rule, argv as string[]) === wanted) continue;
      const message = `the rule ${wanted ? "does not speak of" : "speaks of"} this command, and stands under \`${key}\``;
      report(found("policy-invalid", `${path}/${key}/${i}`, message, "mend the rule's `argv`, or the example"));
    }
  }
}
