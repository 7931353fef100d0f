import { digestOf } from "../canonical.ts";
import type { CommandSpec, SandboxLevel } from "../workflow/spec.ts";
import { envRows } from "./tables/env.ts";
import { rows } from "./tables/index.ts";
import { shells } from "./tables/shells.ts";
import { shellAnswers } from "./verdict.ts";

/** What commands are judged by: the tables, and what policy files make of them. */
export interface Policy {
  /** Of everything that could change a verdict. Daemon and agent must have the same. */
  readonly digest: string;
  /** The least that has to hold every command. */
  readonly sandbox: SandboxLevel;
  /** What whoever may have a shell by asking is answered at best. */
  readonly allow_shell: "allow" | "ask" | "deny";
  /** Commands that are denied or asked about, wherever in a command they are started. */
  readonly restrict: readonly RestrictRule[];
  /** Exceptions. */
  readonly allow: readonly AllowRule[];
}

/** One word of a command: this text, or a glob, in which `*` is any text. */
export type WordPattern = { readonly text: string } | { readonly glob: string };

export interface RestrictRule {
  readonly verdict: "deny" | "ask";
  /** The beginning of the command: further arguments may follow. A program without a slash is meant wherever it lies. */
  readonly argv: readonly WordPattern[];
  readonly why: string;
}

/** Exactly this command: every word, the directory, no variable but these, until a day. The agent compares the program. */
export interface AllowRule {
  /** The real path of the file that runs. */
  readonly program: string;
  readonly argv: readonly WordPattern[];
  readonly cwd: string;
  readonly env: readonly string[];
  readonly expires: string;
  /** Wall-clock milliseconds. */
  readonly expires_at: number;
  readonly by: string;
  readonly why: string;
}

/** Programs may start one another so often. */
export const NESTING_MAX = 16;
const POLICY_VERSION = 4;
const withoutExamples = (row: object): object => ({ ...row, match: [], not_match: [] });

/** Changes with every table and, through the version, with every change of the engine that could change a verdict. */
export const policyDigest: string = digestOf({
  version: POLICY_VERSION,
  nesting_max: NESTING_MAX,
  shell_answers: shellAnswers,
  shells: shells.map(withoutExamples),
  programs: rows.map(withoutExamples),
  env: envRows.map(withoutExamples),
});

export const builtInPolicy: Policy = {
  digest: policyDigest,
  sandbox: "none",
  allow_shell: "allow",
  restrict: [],
  allow: [],
};

/** Whether a rule speaks of these words. */
export function fits(rule: RestrictRule | AllowRule, argv: readonly string[]): boolean {
  const isExact = "program" in rule;
  if (isExact ? argv.length !== rule.argv.length : argv.length < rule.argv.length) return false;
  return rule.argv.every((pattern, i) => {
    const word = argv[i]!;
    if (i > 0 || isExact || !("text" in pattern) || pattern.text.includes("/")) return fitsWord(pattern, word);
    return fitsWord(pattern, word.slice(word.lastIndexOf("/") + 1));
  });
}

/** The exception that a whole command falls under at this time. */
export const exceptionFor = ({ allow }: Policy, command: CommandSpec, now: number): AllowRule | undefined =>
  allow.find(
    (rule) =>
      now < rule.expires_at &&
      rule.cwd === command.cwd &&
      fits(rule, command.argv) &&
      [...Object.keys(command.env), ...Object.keys(command.secrets)].every((name) => rule.env.includes(name)),
  );

function fitsWord(pattern: WordPattern, word: string): boolean {
  if ("text" in pattern) return pattern.text === word;
  // in one pass, whatever the pattern: a part is taken at its first place, the last one at the end
  const parts = pattern.glob.split("*");
  if (parts.length === 1) return parts[0] === word;
  const first = parts[0]!;
  const last = parts.at(-1)!;
  if (word.length < first.length + last.length || !word.startsWith(first) || !word.endsWith(last)) return false;
  let at = first.length;
  const end = word.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = word.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
