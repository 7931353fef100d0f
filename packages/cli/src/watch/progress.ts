import { formatDuration } from "orchestrator-core";
import type { Context } from "../context.ts";
import { paintStatus } from "../render/style.ts";
import { oneLine, padEnd, padStart } from "../render/text.ts";
import { frame } from "./frame.ts";
import type { RunModel, StageLine } from "./model.ts";

/** Shows how a run goes on, on `err`. */
export interface Progress {
  /** The model as it is now; `changed` is the line that changed. */
  update(model: RunModel, changed: StageLine | null): void;
  /** Prints a line that stays. */
  say(text: string): void;
  /** Takes the live picture away until the next update, so that others can write. */
  pause(): void;
  end(): void;
}

export function makeProgress(context: Context): Progress {
  if (context.quiet) return silent(context);
  return context.io.err_tty ? live(context) : plain(context);
}

function silent({ io }: Context): Progress {
  return { update: () => {}, say: (text) => io.err(`${text}\n`), pause: () => {}, end: () => {} };
}

/** One line per change, with the time since the run began. */
function plain({ io, err_style }: Context): Progress {
  return {
    update(model, line) {
      if (line === null) return;
      const at = padStart(formatDuration(Math.max(0, line.since - model.began_at)), 7);
      const took = line.took_ms === null ? "" : `  ${formatDuration(line.took_ms)}`;
      const attempt = line.attempt > 1 ? `  attempt ${line.attempt}` : "";
      const note = line.note === "" ? "" : `  ${oneLine(line.note)}`;
      const again = line.backing_off ? "  (will be tried again)" : "";
      const status = paintStatus(err_style, line.status, padEnd(line.status, took + attempt + note === "" ? 0 : 11));
      io.err(`${at}  ${padEnd(line.stage_id, 16)}  ${status}${took}${attempt}${note}${again}\n`);
    },
    say: (text) => io.err(`${text}\n`),
    pause: () => {},
    end: () => {},
  };
}

const REDRAW_MS = 100;
const TICK_MS = 500;

/** A picture redrawn in place. */
function live({ io, err_style }: Context): Progress {
  let model: RunModel | null = null;
  let drawn = 0;
  let last_at = 0;
  let timer: NodeJS.Timeout | null = null;

  const erase = (): string => (drawn === 0 ? "" : `\u001b[${drawn}A\u001b[J`);
  const draw = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (model === null) return;
    const lines = frame(model, Date.now(), io.size(), err_style);
    io.err(`${erase()}${lines.join("\n")}\n`);
    drawn = lines.length;
    last_at = performance.now();
    plan(TICK_MS);
  };
  const plan = (delay_ms: number): void => {
    timer = setTimeout(draw, delay_ms);
    timer.unref();
  };
  const pause = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    io.err(erase());
    drawn = 0;
  };
  return {
    update(now_model) {
      model = now_model;
      if (timer !== null) clearTimeout(timer);
      const wait_ms = last_at + REDRAW_MS - performance.now();
      if (wait_ms <= 0) draw();
      else plan(wait_ms);
    },
    say(text) {
      const was_drawn = drawn > 0;
      pause();
      io.err(`${text}\n`);
      if (was_drawn) draw();
    },
    pause,
    end() {
      pause();
      model = null;
    },
  };
}
