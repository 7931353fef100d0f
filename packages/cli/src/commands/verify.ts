import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { type ExitName, isUlid, ProblemError } from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";
import { withDaemon } from "../daemon/attach.ts";
import { chooseRun, findRun } from "../daemon/find-run.ts";
import { problemError } from "../errors.ts";
import { paintStatus } from "../render/style.ts";
import { oneLine, padEnd, plural } from "../render/text.ts";
import { type BundleReport, worst } from "../verify/bundle.ts";
import { compareWithJournal } from "../verify/journal.ts";
import { type TreeReport, verifyTree } from "../verify/tree.ts";

interface Verified {
  readonly dir: string;
  readonly reports: readonly TreeReport[];
  /** Why the digests were not held against the journal; null where they were. */
  readonly not_compared: string | null;
}

/** Checks bundles: those of a run, also against the journal, or those in a directory, by themselves. */
export async function verify(context: Context, target: string, { offline }: { offline?: boolean }): Promise<ExitName> {
  const dir = resolve(context.cwd, target);
  const verified = isDirectory(dir)
    ? { dir: target, reports: await collect(dir), not_compared: "a directory was given, not a run" }
    : await verifyRun(context, target, offline ?? false);
  show(context, verified);
  const status = worst(verified.reports.flatMap(({ findings }) => findings));
  return status === "intact" ? "ok" : status;
}

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

async function collect(dir: string): Promise<TreeReport[]> {
  const reports: TreeReport[] = [];
  for await (const report of verifyTree(dir)) reports.push(report);
  return reports;
}

async function verifyRun(context: Context, wanted: string, offline: boolean): Promise<Verified> {
  if (offline) return verifyAlone(context, wanted, "--offline was given");
  try {
    return await withDaemon(context, async ({ link }) => {
      const run_id = await findRun(link, wanted);
      // read before the journal, which then knows every exec that has a bundle here
      const { dir, reports } = await bundlesOf(context, run_id);
      const view = await link.call("showRun", { params: { run_id } });
      return { dir, reports: compareWithJournal(reports, view), not_compared: null };
    });
  } catch (error) {
    // bundles prove what they can without a journal; where there are none, the journal's answer is the one to give
    const why = error instanceof ProblemError ? error.problems[0].message : String(error);
    return verifyAlone(context, wanted, why).catch(() => {
      throw error;
    });
  }
}

/** The bundles of a run by themselves. */
async function verifyAlone(context: Context, wanted: string, not_compared: string): Promise<Verified> {
  const runs = join(context.state, "runs");
  const run_id = chooseRun(wanted, existsSync(runs) ? readdirSync(runs).filter(isUlid) : []);
  if (!isDirectory(join(runs, run_id))) {
    throw problemError("run-unknown", `there are no bundles of a run ${run_id} in ${context.state_shown}/runs`);
  }
  return { ...(await bundlesOf(context, run_id)), not_compared };
}

async function bundlesOf(context: Context, run_id: string): Promise<Pick<Verified, "dir" | "reports">> {
  const dir = join(context.state, "runs", run_id);
  const reports = isDirectory(dir) ? await collect(dir) : [];
  return { dir: join(context.state_shown, "runs", run_id), reports };
}

const LINES_MAX = 100;

function show(context: Context, { dir, reports, not_compared }: Verified): void {
  const counts = new Map<BundleReport["status"], number>();
  for (const { status } of reports) counts.set(status, (counts.get(status) ?? 0) + 1);
  if (context.json) {
    emitJson(context, {
      status: worst(reports.flatMap(({ findings }) => findings)),
      directory: dir,
      compared_with_journal: not_compared === null,
      not_compared_because: not_compared,
      bundles: reports.map((report) => ({ ...report, manifest: undefined })),
    });
    return;
  }
  const { out_style, io } = context;
  const telling = reports.filter(({ status }) => status !== "intact");
  const shown = reports.length <= LINES_MAX ? reports : telling;
  const lines = shown.flatMap(({ status, path, fenced, files, size, findings }) => [
    `${paintStatus(out_style, status, padEnd(status, 10))}  ${oneLine(path)}` +
      (status === "intact" ? `  ${plural(files, "file")}, ${size} bytes` : "") +
      (fenced ? "  (its report was refused: kept as evidence, decided nothing)" : ""),
    ...findings.map(
      ({ file, offset, message }) =>
        `    ${file === null ? "" : `${oneLine(file)}${offset === null ? "" : `, byte ${offset}`}: `}${oneLine(message)}`,
    ),
  ]);
  const sums = [...counts].map(([status, count]) => `${count} ${status}`).join(", ");
  lines.push(`${plural(reports.length, "bundle")} in ${dir}${sums === "" ? "" : `: ${sums}`}`);
  lines.push(
    not_compared === null
      ? "their manifests were compared with the journal"
      : `their manifests were not compared with the journal: ${oneLine(not_compared)}`,
  );
  io.out(`${lines.join("\n")}\n`);
}
