import { setTimeout as sleep } from "node:timers/promises";
import type { ExitName, ExecView, RunView, StageView } from "orchestrator-core";
import { type Context, say } from "../context.ts";
import { type Reach, withReach } from "../daemon/attach.ts";
import { runEvents } from "../daemon/events.ts";
import { findRun } from "../daemon/find-run.ts";
import { stageOf } from "../daemon/find-stage.ts";
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
  withReach<ExitName>(context, async (reach) => {
    if (options.exec !== undefined && stage_id === undefined) throw usageError("--exec goes with a stage");
    const run_id = await reach.talk((link) => findRun(link, wanted));
    const view = await showRun(reach, run_id);
    const stages = stage_id === undefined ? view.stages : [stageOf(context, view, stage_id)];
    const print = printer(context, stages, options);
    const streams: Streams = options.stream === undefined ? ["stdout", "stderr"] : [options.stream];
    // an exec that is named is an earlier one: nobody writes to it any more
    const follows = options.follow === true && options.exec === undefined;
    if (follows) await follow(context, reach, view, stages, streams, print);
    else {
      for (const stage of stages) {
        const exec = execOf(stage, options.exec);
        if (exec === null) continue;
        const source = { reach, run_id, stage_id: stage.stage_id, exec_id: exec.exec_id, streams };
        for await (const line of readLog(source, context.io.closed)) print(line);
      }
    }
    if (stage_id !== undefined && stages[0]!.execs.length === 0 && !follows) {
      say(context, `stage \`${stage_id}\` is ${stages[0]!.status} and has run nothing yet`);
    }
    return "ok";
  });

const showRun = (reach: Reach, run_id: string): Promise<RunView> =>
  reach.talk((link) => link.call("showRun", { params: { run_id } }));

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

/**
 * Prints what is there of each latest exec, then what running ones write, until the run settles or nobody is left who
 * could go on with it. A `run` takes its daemon with it when it ends: the rest is then read without.
 */
async function follow(
  context: Context,
  reach: Reach,
  { run: { run_id }, seq: seen }: RunView,
  stages: readonly StageView[],
  streams: Streams,
  print: (line: LogLine) => void,
): Promise<void> {
  const { closed } = context.io;
  const wanted = new Set(stages.map(({ stage_id }) => stage_id));
  const ends = new Map<string, AbortController>();
  const readers: Promise<void>[] = [];
  const begin = (stage_id: string, exec_id: string, ended: boolean): void => {
    const end = new AbortController();
    if (ended) end.abort();
    ends.set(exec_id, end);
    const source: LogSource = { reach, run_id, stage_id, exec_id, streams, ended: end.signal };
    readers.push(
      (async () => {
        for await (const line of readLog(source, closed)) print(line);
      })(),
    );
  };
  for (const stage of stages) {
    const exec = stage.execs.at(-1);
    if (exec !== undefined) begin(stage.stage_id, exec.exec_id, exec.outcome !== null);
  }

  let seq = seen;
  /** Takes the events that come from one daemon; true where no more will come that matter. */
  const takeEvents = async (link: Link): Promise<boolean> => {
    const { run, seq: known } = await link.call("showRun", { params: { run_id } });
    // a daemon of our own has no agents: what happened is all there is
    const last = isOver(run.status) || reach.own ? known : Infinity;
    const events = seq < last ? runEvents(link, run_id, seq, closed) : [];
    for await (const event of events) {
      seq = event.seq;
      if (event.type === "stage_granted" && wanted.has(event.stage_id)) begin(event.stage_id, event.exec_id, false);
      else if ("exec_id" in event) ends.get(event.exec_id)?.abort();
      // with one stage asked for, its end is the end
      if (wanted.size === 1 && "next" in event && wanted.has(event.stage_id) && event.next === "failed") return true;
      if (wanted.size === 1 && event.type === "exec_succeeded" && wanted.has(event.stage_id)) return true;
      if (seq >= last) break;
    }
    if (reach.own && !isOver(run.status))
      say(context, `no daemon is running, so nothing more will come; the run is ${run.status}`);
    return seq >= last || closed.aborted;
  };
  // a stream that ends before the run has: its daemon is about to go
  while (!(await reach.talk(takeEvents))) await sleep(100);
  for (const end of ends.values()) end.abort();
  await Promise.all(readers);
}
