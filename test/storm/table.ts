import { problemsOf, type StormReport } from "./storm.ts";

/** The figures of a storm, for people. */
export function tableOf(report: StormReport, again: string): string {
  const { kills, executions, bundles } = report;
  const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);
  const said = (counts: Readonly<Record<string, number>>): string =>
    `${sum(counts)} (${Object.entries(counts)
      .map(([name, count]) => `${count} ${name}`)
      .join(", ")})`;
  const outlived =
    executions.outlived.length === 0
      ? "none"
      : `${executions.outlived.length}, by ${Math.max(...executions.outlived)} ms at most`;
  const rows: readonly (readonly [string, string])[] = [
    ["seed", `${report.seed}, ${(report.took_ms / 1_000).toFixed(0)} s`],
    ["kills of the daemon", String(kills.daemon)],
    ["kills of agents", String(kills.agents)],
    ["of these while it started", String(kills.at_start)],
    ["SIGSTOP and SIGCONT", String(report.stops)],
    ["runs", said(report.runs)],
    ["stages, grants, executions", `${report.stages}, ${report.granted}, ${report.executed}`],
    ["executed again", said(executions.again)],
    ["acknowledgements checked", said(report.acks)],
    ["requests without an answer", String(report.unanswered)],
    ["bundles", `${bundles.intact} intact, ${bundles.incomplete} marked incomplete, ${bundles.fenced} fenced`],
    [
      "orphans of killed agents",
      `${executions.orphaned}, the longest for ${executions.orphaned_ms_max} ms; beyond lease and grace: ${outlived}`,
    ],
    ["lost", String(report.lost.length)],
    ["double", String(report.double.length)],
    ["stuck", String(report.stuck.length)],
    ["taken back", String(report.taken_back.length)],
    ["unexplained", String(report.unexplained.length)],
    ["other findings", String(report.other.length)],
  ];
  const lines = rows.map(([name, value]) => `${name.padEnd(28)} ${value}`);
  const problems = problemsOf(report);
  const shown = problems.slice(0, 50).map((problem) => `  ${problem}`);
  return [
    ...lines,
    ...(problems.length === 0 ? [] : ["", `${problems.length} findings:`, ...shown]),
    ...(report.directory === null ? [] : [`all of it is in ${report.directory}`]),
    `about the same again: ${again}`,
  ].join("\n");
}
