import type { Role } from "../../src/api/roles.ts";
import { judgeCommand } from "../../src/policy/judge.ts";
import type { Example } from "../../src/policy/row.ts";
import type { Verdict } from "../../src/policy/verdict.ts";
import type { CommandSpec } from "../../src/workflow/spec.ts";

export const command = (argv: readonly string[], more: Partial<CommandSpec> = {}): CommandSpec => ({
  argv,
  cwd: ".",
  env: {},
  secrets: {},
  timeout_ms: null,
  idle_timeout_ms: null,
  stop: { signal: "SIGTERM", grace_ms: null },
  allow_shell: false,
  allow_failure: false,
  ...more,
});

export const judge = (argv: readonly string[], more: Partial<CommandSpec> = {}, role: Role = "operator"): Verdict =>
  judgeCommand(command(argv, more), role, "/stages/a/exec/0");

/** The words of a table's example: split at blanks, with quotes, and with every other character as it stands. */
export function exampleWords(example: Example): readonly string[] {
  if (typeof example !== "string") return example;
  return (example.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []).map((word) =>
    word.replace(/'([^']*)'|"([^"]*)"/g, "$1$2"),
  );
}
