import {
  type CommandSpec,
  type ExitName,
  flowList,
  judgeCommand,
  pathBeneath,
  policyDigest,
  refusePath,
  type Role,
} from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";
import { CommandError } from "../errors.ts";
import { paintVerdict } from "../render/style.ts";
import { oneLine } from "../render/text.ts";

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
  const { verdict, findings } = judgeCommand(command, options.as, "");
  if (context.json) {
    emitJson(context, { verdict, findings, role: options.as, policy_digest: policyDigest });
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

function nameAndValue(text: string): readonly [string, string] {
  const equals = text.indexOf("=");
  return equals < 0 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
}
