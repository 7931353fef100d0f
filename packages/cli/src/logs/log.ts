import { setTimeout as sleep } from "node:timers/promises";
import { logName, NoAnswer } from "orchestrator-core";
import type { Reach } from "../daemon/attach.ts";
import { followFile, readRange } from "../daemon/file.ts";
import { LineCutter } from "./lines.ts";

export type Streams = readonly ("stdout" | "stderr")[];

export interface LogSource {
  readonly reach: Pick<Reach, "talk">;
  readonly run_id: string;
  readonly stage_id: string;
  readonly exec_id: string;
  readonly streams: Streams;
  /** Aborted when the exec has ended and no more will be written. Left out: it has. */
  readonly ended?: AbortSignal;
}

export interface LogLine {
  readonly stage_id: string;
  readonly exec_id: string;
  readonly command: number;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

const PORTION = 256 * 1024;
const POLL_MS = 200;

/**
 * The lines that the commands of one exec wrote, command by command; while it runs, as they come. A command's logs
 * are whole as soon as the next command has one: commands run one after the other.
 */
export async function* readLog(source: LogSource, closed: AbortSignal): AsyncGenerator<LogLine> {
  const { reach, run_id, stage_id, exec_id, streams, ended = AbortSignal.abort() } = source;
  const enough = AbortSignal.any([ended, closed]);
  for (let command = 0; !closed.aborted; command++) {
    const there = new Set<string>();
    const logs = streams.map((stream) => log(command, stream, there));
    if (ended.aborted) for (const lines of logs) yield* lines;
    else yield* merged(logs);
    // the last one that was started; one in between may have failed before it could write
    if (there.size === 0 && !(await exists(command + 1))) return;
  }

  async function* log(command: number, stream: LogLine["stream"], there: Set<string>): AsyncGenerator<LogLine> {
    const name = logName(command, stream);
    const lines = new LineCutter();
    const line = (text: string): LogLine => ({ stage_id, exec_id, command, stream, text });
    for (let at = 0, whole = false; !whole && !closed.aborted; ) {
      // looked at before reading: what was written until then is read below
      whole = ended.aborted || (await exists(command + 1));
      const before = at;
      for await (const portion of whole ? rest(name, at) : growing(name, at)) {
        there.add(name);
        at += portion.length;
        for (const text of lines.push(portion)) yield line(text);
      }
      if (!whole && at === before) await sleep(POLL_MS, undefined, { signal: enough }).catch(() => {});
    }
    for (const text of lines.end()) yield line(text);
  }

  /** What is there from `from` on. Begins with an empty portion, where there is such a file. */
  async function* rest(name: string, from: number): AsyncGenerator<Buffer> {
    for (let at = from; !closed.aborted; ) {
      const portion = await read(name, at, PORTION);
      if (portion === null) return;
      yield portion;
      if (portion.length === 0) return;
      at += portion.length;
    }
  }

  /** And what comes, for as long as the daemon tells. A connection that is cut is an end as well. */
  async function* growing(name: string, from: number): AsyncGenerator<Buffer> {
    const file = { run_id, stage_id, exec_id, name };
    try {
      const told = await reach.talk((link) => followFile(link, file, from, enough));
      if (told === null) return;
      yield Buffer.alloc(0);
      yield* told;
    } catch (error) {
      if (!enough.aborted && !(error instanceof NoAnswer)) throw error;
    }
  }

  async function exists(command: number): Promise<boolean> {
    const name = logName(command, streams[0] ?? "stdout");
    return (await read(name, 0, 1)) !== null;
  }

  function read(name: string, from: number, count: number): Promise<Buffer | null> {
    return reach.talk((link) => readRange(link, { run_id, stage_id, exec_id, name }, from, count));
  }
}

/** What comes from any of several, as it comes. */
async function* merged<T>(sources: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  const step = async (source: AsyncGenerator<T>) => ({ source, result: await source.next() });
  const steps = new Map(sources.map((source) => [source, step(source)]));
  while (steps.size > 0) {
    const { source, result } = await Promise.race(steps.values());
    if (result.done === true) steps.delete(source);
    else {
      steps.set(source, step(source));
      yield result.value;
    }
  }
}
