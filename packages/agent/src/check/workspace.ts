import { join } from "node:path";
import { err, liesBeneath, ok, refusePath, refuseProtected, type Result } from "orchestrator-core";
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
 * The real path of what `path` names beneath the workspace, name by name as the kernel would walk it, so that `link/..`
 * is where the link leads. What is not there yet is taken as written, and counts as beneath where its nearest ancestor
 * that is there does. `workspace` is a real path.
 */
export function resolveBeneath(files: Files, workspace: string, path: string): Result<string, string> {
  const refused = refusePath(path);
  if (refused !== null) return err(refused.why);
  let real = workspace;
  let missing = false;
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (missing && name === "..") return err("goes up from a directory that is not there");
    if (!missing && files.stat(real)?.kind !== "directory") return err(`goes through ${real}, which is no directory`);
    const next = join(real, name);
    const found: string | null = missing ? null : files.realpath(next);
    if (found === null && !missing && files.exists(next)) return err(`goes through ${next}, a link that leads nowhere`);
    missing ||= found === null;
    real = found ?? next;
    if (!liesBeneath(workspace, real)) return err(`is really ${real}, outside the workspace`);
  }
  const inside = refuseProtected(real === workspace ? "." : real.slice(workspace.length).replace(/^\//, ""));
  return inside === null ? ok(real) : err(`is really ${real}, and that ${inside.why}`);
}

/** The real path of a command's directory, looked up just before the command starts: an earlier one may have made it. */
export function findCwd(files: Files, workspace: string, cwd: string): Result<string, Refused> {
  const real = resolveBeneath(files, workspace, cwd);
  if (!real.ok) return err({ reason: "denied", message: `its directory \`${cwd}\` ${real.error}` });
  const stat = files.stat(real.value);
  if (stat === null) return err({ reason: "spawn_failed", message: `its directory \`${cwd}\` does not exist` });
  if (stat.kind !== "directory") {
    return err({ reason: "spawn_failed", message: `its directory \`${cwd}\` is not a directory` });
  }
  return ok(real.value);
}
