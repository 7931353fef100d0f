import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  type CommandSpec,
  type ExitName,
  flowList,
  judgeCommand,
  pathBeneath,
  policySummary,
  ProblemError,
  refusePath,
  type Role,
} from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";
import { CommandError } from "../errors.ts";
import { paintVerdict } from "../render/style.ts";
import { oneLine, plural } from "../render/text.ts";
import { policyHere } from "../workflow-file.ts";

export interface ExplainOptions {
  readonly as: Role;
  readonly env: readonly string[] | undefined;
  readonly cwd: string;
  readonly allowShell: boolean | undefined;
}

const exits = { allow: "ok", ask: "needs_human", deny: "invalid" } as const satisfies Record<string, ExitName>;

/** Says what policy makes of one command, by which rules, and what its author can change. Runs nothing. */
export function explain(context: Context, argv: readonly string[], options: ExplainOptions): Promise<ExitName> {
  const refused = refusePath(options.cwd);
  if (refused !== null) throw new CommandError("usage", `--cwd ${refused.why}`, refused.hint);
  const command: CommandSpec = {
    argv,
    cwd: pathBeneath(".", options.cwd) ?? ".",
    env: Object.fromEntries((options.env ?? []).map(nameAndValue)),
    secrets: {},
    timeout_ms: null,
    idle_timeout_ms: null,
    stop: { signal: "SIGTERM", grace_ms: null },
    allow_shell: options.allowShell ?? false,
    allow_failure: false,
  };
  const policy = policyHere(context);
  const { verdict, findings } = judgeCommand(command, options.as, "", { policy, now: Date.now() });
  if (context.json) {
    emitJson(context, { verdict, findings, role: options.as, policy_digest: policy.digest });
    return Promise.resolve(exits[verdict]);
  }
  const { dim } = context.out_style;
  const lines = [`${paintVerdict(context.out_style, verdict)}  ${flowList(argv)}`];
  for (const { rule, verdict: says, problem } of findings) {
    lines.push("", `${says}[${rule}]: ${oneLine(problem.message)}`, dim(`  --> ${problem.place?.path ?? ""}`));
    if (problem.hint !== undefined) lines.push(`  hint: ${oneLine(problem.hint)}`);
  }
  if (findings.length === 0)
    lines.push(dim("no rule speaks against it; the agent looks at the program's file as well"));
  context.io.out(`${lines.join("\n")}\n`);
  return Promise.resolve(exits[verdict]);
}

/** Reads a policy file, and tries the examples of its rules. */
export function test(context: Context, file: string, options: { readonly project?: boolean }): Promise<ExitName> {
  let text: string;
  try {
    text = readFileSync(resolve(context.cwd, file), "utf8");
  } catch (error) {
    throw new CommandError("not_found", `${file} cannot be read: ${(error as Error).message}`);
  }
  const summary = policySummary(text, options.project === true ? "project" : "machine");
  if (!summary.ok) throw new ProblemError(...summary.error);
  const { rules, examples } = summary.value;
  if (context.json) emitJson(context, { rules, examples });
  else context.io.out(`${file}: ${plural(rules, "rule")}, ${plural(examples, "example")}, all as they say\n`);
  return Promise.resolve("ok");
}

function nameAndValue(text: string): readonly [string, string] {
  const equals = text.indexOf("=");
  return equals < 0 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
}
