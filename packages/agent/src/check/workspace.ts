import { join } from "node:path";
import { err, liesBeneath, ok, type Result } from "orchestrator-core";
import type { Files } from "../ports.ts";
import type { Refused } from "./grant.ts";

/** The real path of the workspace, which lies beneath one of the roots. */
export function findWorkspace(files: Files, roots: readonly string[], workspace: string): Result<string, Refused> {
  const real = files.realpath(workspace);
  if (real === null || files.stat(real)?.kind !== "directory") {
    return missing(`the workspace ${workspace} is not a directory here`);
  }
  for (const root of roots) {
    const real_root = files.realpath(root);
    if (real_root !== null && liesBeneath(real_root, real)) return ok(real);
  }
  return missing(`the workspace ${real} is not beneath a --workspace-root of this agent (${roots.join(", ")})`);
}

const missing = (message: string): Result<never, Refused> => err({ reason: "workspace_missing", message });

/**
 * The real path of a command's directory, looked up just before the command starts: an earlier one may have made it.
 * `workspace` is a real path.
 */
export function findCwd(files: Files, workspace: string, cwd: string): Result<string, Refused> {
  const real = files.realpath(join(workspace, cwd));
  if (real === null) return err({ reason: "spawn_failed", message: `its directory \`${cwd}\` does not exist` });
  if (!liesBeneath(workspace, real)) {
    return err({ reason: "denied", message: `its directory \`${cwd}\` is really ${real}, outside the workspace` });
  }
  if (files.stat(real)?.kind !== "directory") {
    return err({ reason: "spawn_failed", message: `its directory \`${cwd}\` is not a directory` });
  }
  return ok(real);
}
