import { formatDuration, stageStatuses } from "orchestrator-core";
import { paintStatus, type Style } from "../render/style.ts";
import { fit, oneLine, padEnd, padStart } from "../render/text.ts";
import type { RunModel, StageLine } from "./model.ts";

export interface FrameSize {
  readonly columns: number;
  readonly rows: number;
}

/** More lines than this say less, however large the terminal is. */
const LINES_MAX = 24;

/**
 * The live picture: one line per stage where they fit, else those that a person looks for first (waiting for them,
 * running, ended last), and a line of counts. Never taller than the terminal, so that it can be redrawn in place.
 */
export function frame(model: RunModel, now: number, size: FrameSize, style: Style): string[] {
  const all = [...model.stages.values()];
  const room = Math.max(1, Math.min(LINES_MAX, size.rows - 2));
  const shown = all.length <= room ? all : pick(all, room);
  const columns = Math.max(20, size.columns - 1);
  const id_width = Math.min(32, Math.max(...shown.map(({ stage_id }) => stage_id.length)));
  return [...shown.map((line) => stageLine(line, now, id_width, columns, style)), fit(countsLine(model, now), columns)];
}

const RANK: Readonly<Record<string, number>> = { needs_human: 0, running: 1, failed: 2, succeeded: 3, cancelled: 3 };

/** The lines that matter most, in the order of the plan. */
function pick(all: readonly StageLine[], room: number): StageLine[] {
  const rank = (line: StageLine): number => (line.backing_off ? 1 : (RANK[line.status] ?? 4));
  const chosen = new Set(
    all
      .filter((line) => rank(line) < 4)
      .sort((a, b) => rank(a) - rank(b) || b.since - a.since)
      .slice(0, room),
  );
  return all.filter((line) => chosen.has(line));
}

function stageLine(line: StageLine, now: number, id_width: number, columns: number, style: Style): string {
  const status = padEnd(line.status, 11);
  const id = padEnd(fit(line.stage_id, id_width), id_width);
  const head = `  ${id}  ${status}  ${padStart(timeOf(line, now), 7)}`;
  const attempt = line.attempt > 1 ? `  attempt ${line.attempt}` : "";
  const note = line.note === "" ? "" : `  ${oneLine(line.note)}`;
  const tail = fit(`${attempt}${note}`, Math.max(0, columns - head.length));
  return `  ${id}  ${paintStatus(style, line.status, status)}  ${padStart(timeOf(line, now), 7)}${style.dim(tail)}`;
}

/** How long it runs, or took. */
export function timeOf(line: StageLine, now: number): string {
  if (line.status === "running") return formatDuration(Math.max(0, now - line.since));
  return line.took_ms === null ? "" : formatDuration(line.took_ms);
}

/** `3 of 12 settled: 2 succeeded, 1 failed · 4 running, 5 pending · 12s` */
export function countsLine(model: RunModel, now: number): string {
  const counts = new Map<string, number>();
  for (const { status } of model.stages.values()) counts.set(status, (counts.get(status) ?? 0) + 1);
  const of = (statuses: readonly string[]): string =>
    statuses.flatMap((status) => (counts.has(status) ? [`${counts.get(status)} ${status}`] : [])).join(", ");
  const open = of(["running", "queued", "needs_human", "pending"]);
  const settled = of(stageStatuses.slice(4));
  const count = stageStatuses.slice(4).reduce((sum, status) => sum + (counts.get(status) ?? 0), 0);
  return [
    `  ${count} of ${model.stages.size} settled${settled === "" ? "" : `: ${settled}`}`,
    ...(open === "" ? [] : [open]),
    formatDuration(Math.max(0, now - model.began_at)),
  ].join(" · ");
}
