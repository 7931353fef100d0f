import { formatDuration, type RunSummary, type StageView } from "orchestrator-core";
import { noteOf } from "../watch/model.ts";
import { paintStatus, type Style } from "./style.ts";
import { table } from "./table.ts";
import { fit, oneLine, padEnd, width } from "./text.ts";

const NOTE_COLUMNS = 100;
/** Beyond this many stages a table shows only those that did not succeed. */
const ROWS_MAX = 100;
/** Of bundles, decisions, outputs. */
const LINES_MAX = 25;

/** The table of a run's stages, and a line about those that were left out. */
export function stageTable(stages: readonly StageView[], style: Style, now: number): string[] {
  const telling = stages.filter(({ status }) => status !== "succeeded");
  const shown = stages.length <= ROWS_MAX ? stages : telling.slice(0, ROWS_MAX);
  if (shown.length === 0) return [`${stages.length} stages, all of them succeeded`];
  const rows = shown.map((stage) => [
    stage.stage_id,
    stage.status,
    stageTime(stage, now),
    stage.attempt === 0 ? "" : String(stage.attempt),
    fit(oneLine(noteOf(stage.reason, stage.message)), NOTE_COLUMNS),
  ]);
  const lines = table(
    [
      { title: "STAGE" },
      { title: "STATUS", paint: (text, value) => paintStatus(style, value, text) },
      { title: "TIME", right: true },
      { title: "ATTEMPTS", right: true },
      { title: "REASON" },
    ],
    rows,
  );
  const left_out = stages.length - shown.length;
  if (left_out > 0) lines.push(`… and ${left_out} more; ${stages.length - telling.length} stages succeeded`);
  return lines;
}

export function stageTime({ status, since, duration_ms }: StageView, now: number): string {
  if (status === "running" && since !== null) return formatDuration(Math.max(0, now - Date.parse(since)));
  return duration_ms === null ? "" : formatDuration(duration_ms);
}

/** How a run is named to a person: its id is the same everywhere, its number is quick to type. */
export const runName = ({ run_id, run_number }: Pick<RunSummary, "run_id" | "run_number">): string =>
  `${run_id} (number ${run_number})`;

/** How long a run took, or has been going on. */
export const runTime = ({ created_at, ended_at }: RunSummary, now: number): string =>
  formatDuration(Math.max(0, (ended_at === null ? now : Date.parse(ended_at)) - Date.parse(created_at)));

/** Where the last bundle of each stage lies, relative to the directory of the run's bundles. */
export function bundleLines(stages: readonly StageView[]): string[] {
  const rows = stages.flatMap((stage) => {
    const written = stage.execs.findLast(({ manifest_sha256 }) => manifest_sha256 !== null);
    return written === undefined ? [] : [`${stage.stage_id}/${written.exec_id}`];
  });
  return atMost(LINES_MAX, rows);
}

/** What people answered, in the order of the stages: `ship-it  approve (gate) by ada, 2026-11-25 10:00:00: go`. */
export function decisionLines(stages: readonly StageView[]): string[] {
  const rows = stages.flatMap(({ stage_id, decisions }) =>
    decisions.map(({ decision, subject, by, at, note }) => [
      stage_id,
      `${decision} (${subject}) by ${oneLine(by.name)}, ${localTime(at)}${note === "" ? "" : `: ${oneLine(note)}`}`,
    ]),
  );
  return atMost(LINES_MAX, columns(rows));
}

/** What stages handed on: `sum  total=110961`. */
export function outputLines(stages: readonly StageView[]): string[] {
  const rows = stages.flatMap(({ stage_id, outputs }) =>
    Object.entries(outputs).map(([name, value]) => [stage_id, fit(`${name}=${oneLine(value)}`, NOTE_COLUMNS)]),
  );
  return atMost(LINES_MAX, columns(rows));
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const first = Math.max(0, ...rows.map(([cell = ""]) => width(cell)));
  return rows.map(([cell = "", rest = ""]) => `${padEnd(cell, first)}  ${rest}`);
}

const atMost = (lines_max: number, lines: readonly string[]): string[] =>
  lines.length <= lines_max ? [...lines] : [...lines.slice(0, lines_max), `… and ${lines.length - lines_max} more`];

/** In the person's own time zone, to the second. */
export function localTime(rfc3339: string): string {
  const at = new Date(rfc3339);
  const two = (n: number): string => String(n).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `3/12`: settled stages of all stages. */
export function settledOf(counts: RunSummary["counts"]): string {
  const sum = (statuses: readonly string[]): number =>
    statuses.reduce((total, status) => total + (counts[status] ?? 0), 0);
  return `${sum(["succeeded", "failed", "skipped", "cancelled"])}/${sum(Object.keys(counts))}`;
}
