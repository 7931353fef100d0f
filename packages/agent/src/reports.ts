import type { Completion, CompleteReply, Report } from "orchestrator-core";
import { type BundlePaths, bundlePaths, markFenced } from "./bundle/writer.ts";
import type { HeldFiles, HeldGrant } from "./held.ts";
import { errorText, type Log } from "./log.ts";
import type { Ports } from "./ports.ts";

export type Outcome = CompleteReply["outcomes"][number];

export const completionOf = ({ run_id, stage_id, exec_id, fence }: HeldGrant, report: Report): Completion => ({
  run_id,
  stage_id,
  exec_id,
  fence,
  report,
});

/** What is left to do once a report was answered: mark the bundle of a refused one, and hold the exec no longer. */
export function settleReport(
  ports: Pick<Ports, "clock" | "files">,
  state: string,
  held: HeldFiles,
  log: Log,
  { run_id, stage_id, exec_id, fence, report }: Completion,
  outcome: Outcome,
): void {
  const paths = bundlePaths(state, { run_id, stage_id, exec_id, fence });
  try {
    if (outcome.outcome === "refused") {
      const { code = "refused", message = "" } = outcome;
      log.warn("report_refused", { run_id, stage_id, exec_id, report: report.kind, code, message });
      // the daemon cannot read this run now: the next start of an agent reports again
      if (code === "run-quarantined") return;
      markFenced(ports, paths, exec_id, code, message);
    } else log.info("reported", { run_id, stage_id, exec_id, report: report.kind, outcome: outcome.outcome });
    // what a failing disk did not let us seal stays on record: the next start seals it
    if (isSealed(ports.files, paths, report)) held.release(exec_id);
  } catch (error) {
    // the report itself was answered; the next agent finds the record and is told the same again
    log.error("report_unsettled", { exec_id, message: errorText(error) });
  }
}

/** No bundle of it is open, and one that was reported as not recorded is marked. */
function isSealed(files: Ports["files"], paths: BundlePaths, report: Report): boolean {
  if (files.exists(paths.temporary)) return false;
  return report.kind !== "no_bundle" || !files.exists(paths.published) || files.exists(paths.fenced);
}

/** The outcome of a completion in a reply, or what a request that was refused as a whole means for it. */
export const refusedBy = (exec_id: string, problem: { readonly code: string; readonly detail: string }): Outcome => ({
  exec_id,
  outcome: "refused",
  code: problem.code,
  message: problem.detail,
});
