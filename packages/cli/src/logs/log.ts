import { setTimeout as sleep } from "node:timers/promises";
import { logName } from "orchestrator-core";
import type { Reach } from "../daemon/attach.ts";
import { readRange } from "../daemon/file.ts";
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
  for (let command = 0; ; command++) {
    const files = streams.map((stream) => ({ stream, at: 0, there: false, lines: new LineCutter() }));
    for (;;) {
      // looked at before reading: what was written until then is read below
      const whole = ended.aborted || (await exists(command + 1));
      let came = false;
      for (const file of files) {
        const name = logName(command, file.stream);
        for (;;) {
          if (closed.aborted) return;
          const portion = await read(name, file.at, PORTION);
          if (portion === null) break;
          file.there = true;
          if (portion.length === 0) break;
          came = true;
          file.at += portion.length;
          for (const text of file.lines.push(portion)) yield { stage_id, exec_id, command, stream: file.stream, text };
        }
      }
      if (whole) break;
      if (!came) await sleep(POLL_MS, undefined, { signal: ended }).catch(() => {});
    }
    for (const { stream, lines } of files) {
      for (const text of lines.end()) yield { stage_id, exec_id, command, stream, text };
    }
    // the last one that was started; one in between may have failed before it could write
    if (files.every(({ there }) => !there) && !(await exists(command + 1))) return;
  }

  async function exists(command: number): Promise<boolean> {
    const name = logName(command, streams[0] ?? "stdout");
    return (await read(name, 0, 1)) !== null;
  }

  function read(name: string, from: number, count: number): Promise<Buffer | null> {
    return reach.talk((link) => readRange(link, { run_id, stage_id, exec_id, name }, from, count));
  }
}
