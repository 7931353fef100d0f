import type { Grant, Report } from "../api/contract.ts";
import type { Manifest } from "../bundle/manifest.ts";
import { err, ok, type Result } from "../result.ts";
import { type ExecBlock, sandboxLevels } from "../workflow/spec.ts";
import { emptyResult } from "./apply.ts";
import type { ExecResult, FailureReason } from "./event.ts";
import type { Refusal } from "./transition.ts";

/** What a report says, read and believed no further than it fits its grant. */
export type ExecReport =
  | { readonly kind: "ended"; readonly outcome: "succeeded"; readonly result: ExecResult }
  | {
      readonly kind: "ended";
      readonly outcome: "failed" | "cancelled";
      readonly reason: FailureReason;
      readonly result: ExecResult;
    }
  | { readonly kind: "handed_back" }
  | { readonly kind: "lost" };

/** What the daemon knows of the grant that a report answers. */
export type Granted = Pick<
  Grant,
  "run_id" | "stage_id" | "exec_id" | "fence" | "exec_digest" | "plan_digest" | "policy_digest"
> & {
  readonly agent_id: string;
  readonly exec: ExecBlock;
};

/** What reading a report needs of its platform. */
export interface ReportTools {
  readonly sha256: (text: string) => string;
  /** Where and how a value differs from `ManifestSchema`; null where it fits. */
  readonly manifestFlaw: (value: unknown) => string | null;
}

/**
 * Reads a report. The daemon decides by this alone and opens no
 * bundle: a manifest that names another grant, or claims a success that its own exits deny, is refused.
 */
export function readReport(report: Report, granted: Granted, tools: ReportTools): Result<ExecReport, Refusal> {
  switch (report.kind) {
    case "handed_back":
    case "lost":
      return ok({ kind: report.kind });
    case "no_bundle":
      return ok({ kind: "ended", outcome: "failed", reason: "bundle_unwritable", result: emptyResult(report.message) });
    case "manifest":
      return readManifest(report.manifest, granted, tools);
  }
}

function readManifest(text: string, granted: Granted, tools: ReportTools): Result<ExecReport, Refusal> {
  let manifest: Manifest;
  try {
    const value: unknown = JSON.parse(text);
    const flaw = tools.manifestFlaw(value);
    if (flaw !== null) return invalid(`the manifest has the wrong form: ${flaw}`);
    manifest = value as Manifest;
  } catch {
    return invalid("the manifest is not JSON");
  }
  for (const key of [
    "run_id",
    "stage_id",
    "exec_id",
    "fence",
    "exec_digest",
    "plan_digest",
    "policy_digest",
  ] as const) {
    if (manifest[key] !== granted[key])
      return invalid(`the manifest's ${key} is ${manifest[key]}, granted was ${granted[key]}`);
  }
  if (manifest.agent.agent_id !== granted.agent_id)
    return invalid(`the manifest is of agent ${manifest.agent.agent_id}`);
  const result: ExecResult = {
    manifest_sha256: tools.sha256(text),
    exits: manifest.commands.map(({ exit }) => exit),
    outputs: manifest.outputs,
    started_at: manifest.started_at,
    duration_ms: manifest.duration_ms,
    message: manifest.message,
    sandbox: manifest.sandbox.level,
  };
  if (manifest.result !== "succeeded") {
    if (manifest.reason === null) return invalid(`the manifest's result is ${manifest.result} without a reason`);
    return ok({ kind: "ended", outcome: manifest.result, reason: manifest.reason, result });
  }
  const untrue = granted.exec.commands.findIndex((command, i) => {
    const exit = result.exits[i];
    return exit === undefined || exit === null || (exit.code !== 0 && !command.allow_failure);
  });
  if (untrue >= 0) return invalid(`the manifest claims success, and command ${untrue} did not succeed`);
  const [least, reached] = [granted.exec.sandbox, manifest.sandbox.level];
  if (sandboxLevels.indexOf(reached) < sandboxLevels.indexOf(least))
    return invalid(
      `the manifest claims success in the sandbox \`${reached}\`, and at least \`${least}\` was asked for`,
    );
  return ok({ kind: "ended", outcome: "succeeded", result });
}

const invalid = (message: string): Result<never, Refusal> => err({ code: "report-invalid", message });
