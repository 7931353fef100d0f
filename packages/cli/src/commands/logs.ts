import type { ExitName, ExecView, RunView, StageView } from "orchestrator-core";
import { type Context, say } from "../context.ts";
import { withDaemon } from "../daemon/attach.ts";
import { runEvents } from "../daemon/events.ts";
import { findRun } from "../daemon/find-run.ts";
import type { Link } from "../daemon/link.ts";
import { problemError, usageError } from "../errors.ts";
import { type LogLine, type LogSource, readLog, type Streams } from "../logs/log.ts";
import { padEnd, safe, safeWithColours } from "../render/text.ts";
import { isOver } from "../watch/model.ts";

export interface LogsOptions {
  readonly follow?: boolean;
  readonly exec?: string;
  readonly stream?: "stdout" | "stderr";
  readonly raw?: boolean;
}

/** Prints what commands wrote: of one stage or of all, of the latest exec of each unless one is named. */
export const logs = (
  context: Context,
  wanted: string,
  stage_id: string | undefined,
  options: LogsOptions,
): Promise<ExitName> =>
  withDaemon<ExitName>(context, async ({ link, found }) => {
    if (options.exec !== undefined && stage_id === undefined) throw usageError("--exec goes with a stage");
    const run_id = await findRun(link, wanted);
    const view = await link.call("showRun", { params: { run_id } });
    const stages = stage_id === undefined ? view.stages : [stageOf(context, view, stage_id)];
    const print = printer(context, stages, options);
    const streams: Streams = options.stream === undefined ? ["stdout", "stderr"] : [options.stream];
    if (options.follow === true && found !== null && !isOver(view.run.status)) {
      await follow(context, link, view, stages, streams, print);
      return "ok";
    }
    if (options.follow === true && !isOver(view.run.status))
      say(context, "no daemon is running, so nothing more will come");
    for (const stage of stages) {
      const exec = execOf(stage, options.exec);
      if (exec === null) continue;
      const source = { link, run_id, stage_id: stage.stage_id, exec_id: exec.exec_id, streams };
      for await (const line of readLog(source, context.io.closed)) print(line);
    }
    if (stage_id !== undefined && stages[0]!.execs.length === 0) {
      say(context, `stage \`${stage_id}\` is ${stages[0]!.status} and has run nothing yet`);
    }
    return "ok";
  });

function stageOf(context: Context, { run, stages }: RunView, stage_id: string): StageView {
  const stage = stages.find((one) => one.stage_id === stage_id);
  if (stage !== undefined) return stage;
  throw problemError(
    "stage-not-found",
    `run ${run.run_id} has no stage \`${stage_id}\``,
    `see its stages: ${context.commandLine("show", run.run_id)}`,
  );
}

function execOf({ stage_id, execs }: StageView, wanted: string | undefined): ExecView | null {
  if (wanted === undefined) return execs.at(-1) ?? null;
  const exec = execs.find(({ exec_id }) => exec_id === wanted.toUpperCase());
  if (exec !== undefined) return exec;
  const known = execs.map(({ exec_id, attempt }) => `${exec_id} (attempt ${attempt})`).join(", ");
  throw problemError(
    "exec-unknown",
    `stage \`${stage_id}\` has no exec ${wanted}`,
    known === "" ? null : `it has ${known}`,
  );
}

/** Lines come from several stages at once as soon as they are followed: each then says whose it is. */
function printer(context: Context, stages: readonly StageView[], { raw }: LogsOptions): (line: LogLine) => void {
  const { io, out_style } = context;
  if (context.json) return (line) => io.out(`${JSON.stringify(line)}\n`);
  const coloured = io.out_tty && context.colour;
  const show = raw === true ? (text: string) => text : coloured ? safeWithColours : safe;
  if (stages.length === 1) return ({ text }) => io.out(`${show(text)}\n`);
  const width = Math.min(24, Math.max(...stages.map(({ stage_id }) => stage_id.length)));
  return ({ stage_id, text }) => io.out(`${out_style.dim(`${padEnd(stage_id, width)} |`)} ${show(text)}\n`);
}

/** Prints what is there of each latest exec, then what running ones write, until the run settles. */
async function follow(
  context: Context,
  link: Link,
  { run, seq }: RunView,
  stages: readonly StageView[],
  streams: Streams,
  print: (line: LogLine) => void,
): Promise<void> {
  const wanted = new Set(stages.map(({ stage_id }) => stage_id));
  const ends = new Map<string, AbortController>();
  const readers: Promise<void>[] = [];
  const begin = (stage_id: string, exec_id: string, ended: boolean): void => {
    const end = new AbortController();
    if (ended) end.abort();
    ends.set(exec_id, end);
    const source: LogSource = { link, run_id: run.run_id, stage_id, exec_id, streams, ended: end.signal };
    readers.push(
      (async () => {
        for await (const line of readLog(source, context.io.closed)) print(line);
      })(),
    );
  };
  for (const stage of stages) {
    const exec = stage.execs.at(-1);
    if (exec !== undefined) begin(stage.stage_id, exec.exec_id, exec.outcome !== null);
  }
  for await (const event of runEvents(link, run.run_id, seq, context.io.closed)) {
    if (event.type === "stage_granted" && wanted.has(event.stage_id)) begin(event.stage_id, event.exec_id, false);
    else if ("exec_id" in event) ends.get(event.exec_id)?.abort();
    // with one stage asked for, its end is the end
    if (wanted.size === 1 && "next" in event && wanted.has(event.stage_id) && event.next === "failed") break;
    if (wanted.size === 1 && event.type === "exec_succeeded" && wanted.has(event.stage_id)) break;
  }
  for (const end of ends.values()) end.abort();
  await Promise.all(readers);
}
