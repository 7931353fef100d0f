import { err, ok, type Result, type SandboxLevel } from "orchestrator-core";
import type { Refused } from "../check/grant.ts";
import type { Files } from "../ports.ts";
import { type Profile, shownBy } from "./profile.ts";

/** Who commands in a sandbox are, where the agent is root. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** `bwrap`: every command is held by it, or refused. `auto`: what it can. */
export type SandboxDriver = "none" | "bwrap" | "auto";

/** What this agent can hold commands by, as it was tried out when it started. */
export type Sandbox =
  | { readonly level: "none"; readonly why: string }
  | { readonly level: "contained"; readonly profile: Profile };

export const NO_SANDBOX: Sandbox = { level: "none", why: "the agent was started with --sandbox none" };

/** What holds the commands of one exec. */
export type Held =
  | { readonly level: "none"; readonly why: string }
  | { readonly level: "contained"; readonly profile: Profile };

interface Where {
  /** A real path. */
  readonly workspace: string;
  /** What no command may see, under the names by which people know it: tokens, bundles of others, secrets. */
  readonly kept: readonly (readonly [what: string, path: string])[];
}

/** Takes the most that can be had. Refuses where that is less than the agent or `least` demands. */
export function chooseSandbox(
  files: Files,
  { driver, found }: { readonly driver: SandboxDriver; readonly found: Sandbox },
  least: SandboxLevel,
  where: Where,
): Result<Held, Refused> {
  const why = found.level === "none" ? found.why : hole(files, found.profile, where);
  if (found.level === "contained" && why === null) return ok(found);
  const who = least === "contained" ? "the stage, or policy," : driver === "bwrap" ? "this agent" : null;
  if (who === null) return ok({ level: "none", why: why ?? "" });
  return err({ reason: "denied", message: `${who} wants the sandbox \`contained\`, and it is not to be had: ${why}` });
}

/** What would make a sandbox round this workspace none. */
function hole(files: Files, profile: Profile, { workspace, kept }: Where): string | null {
  for (const [what, path] of kept) {
    const shown = shownBy(profile, workspace, files.realpath(path) ?? path);
    if (shown === workspace) return `${what} in the workspace, where commands could write to it; ${ELSEWHERE}`;
    if (shown !== undefined) return `${what} in ${shown}, where commands could read it; ${ELSEWHERE}`;
  }
  const { user } = profile;
  if (user !== null && !files.mayWrite(workspace, user)) {
    const { uid, gid } = user;
    return `the user ${uid} of --sandbox-user cannot write to the workspace; run \`chown -R ${uid}:${gid} ${workspace}\``;
  }
  return null;
}

const ELSEWHERE = "keep it elsewhere with --state DIR";
