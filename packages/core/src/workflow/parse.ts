import { parseDuration } from "../duration.ts";
import { pathBeneath } from "../path.ts";
import { type Result, assert, err, ok } from "../result.ts";
import { parseSize } from "../size.ts";
import { compileCheck } from "./check.ts";
import { makeCollector, type Report } from "./found.ts";
import { isMapping } from "./node.ts";
import { checkRequirements } from "./requirements.ts";
import { workflowRules } from "./rules.ts";
import {
  type CommandFile,
  type ExecStageFile,
  type LimitsFile,
  type StageFile,
  type WorkflowFile,
  WorkflowFileSchema,
  workflowLimits,
} from "./schema.ts";
import { isSome, type Problems, readText, type TextRead } from "./text.ts";
import type { CommandSpec, ExecStageSpec, LimitsSpec, StageSpec, StopSpec, WorkflowSpec } from "./spec.ts";

export interface ParsedWorkflow extends TextRead {
  readonly workflow: WorkflowSpec;
}

/** A workflow from the JSON form of its file. Finds all problems at once; their places have a path and no line. */
export function parseWorkflow(value: unknown): Result<WorkflowSpec, Problems> {
  const collector = makeCollector();
  inspect(value, collector.report);
  const problems = collector.list().map(({ problem }) => problem);
  return isSome(problems) ? err(problems) : ok(specOf(value as WorkflowFile));
}

/** The same from the text of a file. `document` is the form in which a workflow is submitted. */
export function parseWorkflowText(text: string): Result<ParsedWorkflow, Problems> {
  const read = readText(text, workflowLimits.text_chars_max, inspect);
  if (!read.ok) return read;
  return ok({ ...read.value, workflow: specOf(read.value.document as unknown as WorkflowFile) });
}

const checkFile = compileCheck(WorkflowFileSchema, workflowRules);

function inspect(value: unknown, report: Report): void {
  checkFile(value, "", report);
  if (isMapping(value) && Object.hasOwn(value, "stages")) checkRequirements(value["stages"], report);
}

// From here on nothing can be wrong: the file was inspected. Every default is made explicit.

function specOf(file: WorkflowFile): WorkflowSpec {
  return {
    name: file.name,
    intent: file.intent ?? null,
    fail_fast: file.fail_fast ?? false,
    stages: Object.fromEntries(Object.entries(file.stages).map(([id, stage]) => [id, stageOf(stage)])),
  };
}

function stageOf(stage: StageFile): StageSpec {
  if (stage.kind === "gate") return { kind: "gate", requires: stage.requires ?? [], message: stage.message };
  return execStageOf(stage);
}

const execStageOf = (stage: ExecStageFile): ExecStageSpec => ({
  kind: "exec",
  requires: stage.requires ?? [],
  exec: {
    commands: stage.exec.map((command) => commandOf(command, stage)),
    effects: stage.effects ?? "idempotent",
    timeout_ms: durationOf(stage.timeout),
    sandbox: stage.sandbox ?? "none",
    network: stage.network ?? false,
    limits: limitsOf(stage.limits),
  },
  retry: { attempts_max: stage.retry?.attempts_max ?? 1, backoff_ms: durationOf(stage.retry?.backoff) ?? 1_000 },
  leases_lost_max: stage.leases_lost_max ?? 3,
  labels: stage.labels ?? [],
});

function commandOf(written: CommandFile, stage: ExecStageFile): CommandSpec {
  const command = Array.isArray(written) ? { argv: written } : written;
  const cwd = pathBeneath(".", command.cwd ?? stage.cwd ?? ".");
  assert(cwd !== null, "cwd was inspected");
  return {
    argv: command.argv,
    cwd,
    ...environmentOf({ ...stage.env, ...command.env }),
    timeout_ms: durationOf(command.timeout),
    idle_timeout_ms: durationOf(command.idle_timeout ?? stage.idle_timeout),
    stop: stopOf({ ...stage.stop, ...command.stop }),
    allow_shell: command.allow_shell ?? false,
    allow_failure: command.allow_failure ?? false,
  };
}

function environmentOf(file: NonNullable<ExecStageFile["env"]>): Pick<CommandSpec, "env" | "secrets"> {
  const env: Record<string, string> = {};
  const secrets: Record<string, string> = {};
  for (const [name, value] of Object.entries(file)) {
    if (typeof value === "string") env[name] = value;
    else secrets[name] = value.secret;
  }
  return { env, secrets };
}

const stopOf = ({ signal = "SIGTERM", grace }: NonNullable<ExecStageFile["stop"]>): StopSpec => ({
  signal,
  grace_ms: durationOf(grace),
});

const limitsOf = ({ cpu_time, memory, processes, file_size, open_files }: LimitsFile = {}): LimitsSpec => ({
  cpu_time_ms: durationOf(cpu_time),
  memory_bytes: sizeOf(memory),
  processes: processes ?? null,
  file_size_bytes: sizeOf(file_size),
  open_files: open_files ?? null,
});

function sizeOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const bytes = parseSize(text);
  assert(bytes !== null, "sizes were inspected");
  return bytes;
}

function durationOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const ms = parseDuration(text);
  assert(ms !== null, "durations were inspected");
  return ms;
}
