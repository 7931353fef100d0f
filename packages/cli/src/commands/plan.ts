import { type ExitName, formatDuration, makePlan, type Plan, type PlannedStage } from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";
import { paintVerdict } from "../render/style.ts";
import { oneLine, plural, shellWord } from "../render/text.ts";
import { deniedBy, judgeFile, type JudgedFile } from "../workflow-file.ts";

/** Shows what a workflow would run, command by command, with verdicts and digests. Runs nothing. */
export function plan(context: Context, file: string): Promise<ExitName> {
  const read = judgeFile(context, file);
  const planned = makePlan(read.workflow, read.policy.digest);
  const denied = deniedBy(read).length;
  if (context.json) emitJson(context, planJson(planned, read));
  else context.io.out(`${planText(context, planned, read).join("\n")}\n`);
  if (denied === 0) return Promise.resolve("ok");
  context.io.err(`policy denies ${plural(denied, "command")}: see ${context.commandLine("validate", file)}\n`);
  return Promise.resolve("invalid");
}

function planText(context: Context, planned: Plan, { judged }: JudgedFile): string[] {
  const { bold, dim } = context.out_style;
  const lines = [
    `${bold(oneLine(planned.workflow.name))}: ${plural(planned.stages.length, "stage")}`,
    `plan_digest    ${planned.plan_digest}`,
    `policy_digest  ${planned.policy_digest}`,
  ];
  for (const stage of planned.stages) {
    lines.push("", `${bold(stage.stage_id)}  ${dim(aboutStage(planned, stage))}`);
    if (stage.spec.kind === "gate") {
      lines.push(`  a person decides: ${oneLine(stage.spec.message)}`);
      continue;
    }
    lines.push(`  exec_digest ${stage.exec_digest ?? ""}`);
    const verdicts = judged.stages.get(stage.stage_id) ?? [];
    for (const [i, { argv, cwd, env, secrets, timeout_ms, allow_failure }] of stage.spec.exec.commands.entries()) {
      const verdict = verdicts[i]?.verdict ?? "allow";
      const names = [...Object.keys(env), ...Object.entries(secrets).map(([name, secret]) => `${name}=<${secret}>`)];
      const about = [
        ...(cwd === "." ? [] : [`cwd ${cwd}`]),
        ...(names.length === 0 ? [] : [`env ${names.join(" ")}`]),
        ...(timeout_ms === null ? [] : [`timeout ${formatDuration(timeout_ms)}`]),
        ...(allow_failure ? ["may fail"] : []),
      ];
      lines.push(`  ${paintVerdict(context.out_style, verdict)}  ${argv.map(shellWord).map(oneLine).join(" ")}`);
      if (about.length > 0) lines.push(`         ${dim(about.join(" · "))}`);
      for (const { verdict: says, problem } of verdicts[i]?.findings ?? []) {
        lines.push(`         ${dim(`${says}: ${oneLine(problem.message)}`)}`);
      }
    }
  }
  return lines;
}

function aboutStage({ stages }: Plan, { spec, requires }: PlannedStage): string {
  const names = requires.map((number) => stages[number]!.stage_id);
  const facts = [spec.kind, ...(names.length === 0 ? [] : [`requires ${names.join(", ")}`])];
  if (spec.kind === "exec") {
    if (spec.retry.attempts_max > 1) {
      facts.push(`up to ${spec.retry.attempts_max} attempts, ${formatDuration(spec.retry.backoff_ms)} apart`);
    }
    if (spec.exec.timeout_ms !== null) facts.push(`timeout ${formatDuration(spec.exec.timeout_ms)}`);
    if (spec.exec.effects === "once") facts.push("effects: once");
    if (spec.labels.length > 0) facts.push(`labels ${spec.labels.join(", ")}`);
  }
  return facts.join(" · ");
}

const planJson = (planned: Plan, { judged }: JudgedFile): unknown => ({
  name: planned.workflow.name,
  plan_digest: planned.plan_digest,
  policy_digest: planned.policy_digest,
  stages: planned.stages.map(({ stage_id, spec, exec_digest }) => ({
    stage_id,
    kind: spec.kind,
    requires: spec.requires,
    exec_digest,
    commands:
      spec.kind === "gate"
        ? []
        : spec.exec.commands.map(({ env, ...command }, i) => ({
            ...command,
            env_names: Object.keys(env),
            ...(judged.stages.get(stage_id)?.[i] ?? { verdict: "allow", findings: [] }),
          })),
  })),
});
