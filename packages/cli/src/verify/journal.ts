import type { ExecView, RunView } from "orchestrator-core";
import type { BundleFinding } from "./bundle.ts";
import { bare, type TreeReport } from "./tree.ts";

/**
 * Holds the bundles of a run against what its journal recorded. A bundle can be replaced whole, manifest and all;
 * only the journal knows the digest that was reported. Returns the reports with what was found added.
 */
export function compareWithJournal(reports: readonly TreeReport[], { stages }: RunView): TreeReport[] {
  const recorded = new Map<string, ExecView>(
    stages.flatMap(({ stage_id, execs }) => execs.map((exec) => [`${stage_id}/${exec.exec_id}`, exec] as const)),
  );
  const compared = reports.map((report): TreeReport => {
    if (report.manifest === null || report.fenced) return report;
    const exec = recorded.get(report.path);
    if (exec === undefined) return add(report, "tampered", "the journal knows no such exec");
    if (exec.manifest_sha256 === null || exec.manifest_sha256 === report.manifest_sha256) return report;
    return add(
      report,
      "tampered",
      `the journal recorded SHA-256 ${exec.manifest_sha256} for manifest.json, here it is ${report.manifest_sha256}`,
    );
  });
  const seen = new Set(reports.map(({ path }) => path));
  for (const [path, { manifest_sha256 }] of recorded) {
    if (manifest_sha256 !== null && !seen.has(path)) {
      compared.push(
        bare(path, { status: "incomplete", message: "the journal recorded this bundle, and it is not here" }),
      );
    }
  }
  return compared;
}

function add(report: TreeReport, status: BundleFinding["status"], message: string): TreeReport {
  const worse = report.status === "tampered" ? "tampered" : status;
  return { ...report, status: worse, findings: [...report.findings, { status, file: null, offset: null, message }] };
}
