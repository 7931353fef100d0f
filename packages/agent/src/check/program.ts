import { dirname, join } from "node:path";
import {
  type CommandSpec,
  err,
  execPlace,
  type Finding,
  type Grant,
  judgeCommand,
  liesBeneath,
  ok,
  type ProblemCode,
  type Result,
} from "orchestrator-core";
import type { Files, FileStat } from "../ports.ts";
import { isApproved, type Refused } from "./grant.ts";

/** A program as it was found. `path` is what will be started, so that a venv's python finds its venv. */
export interface FoundProgram {
  readonly path: string;
  readonly realpath: string;
  readonly stat: FileStat;
}

/** A refusal of the file verdict also leaves a finding. */
export interface FileRefused extends Refused {
  readonly finding: Finding | null;
}

/**
 * Looks a program up once, as execvp(3) would, but for two things: elements of PATH that are empty or relative are
 * passed over, and a relative path may not lead out of the workspace. A link in the workspace to a file outside is
 * no way out: the file could be named by its absolute path as well. `cwd` and `workspace` are real paths.
 */
export function findProgram(
  files: Files,
  name: string,
  place: { readonly cwd: string; readonly workspace: string; readonly path: string },
): Result<FoundProgram, FileRefused> {
  if (name.startsWith("/")) return look(files, name, name);
  if (!name.includes("/")) {
    for (const directory of place.path.split(":")) {
      if (!directory.startsWith("/")) continue;
      const path = join(directory, name);
      if (files.mayExecute(path) && files.stat(path)?.kind === "file") return look(files, path, name);
    }
    return failed(`no program \`${name}\` in PATH (${place.path})`);
  }
  const path = join(place.cwd, name);
  const directory = files.realpath(dirname(path));
  if (directory !== null && !liesBeneath(place.workspace, directory)) {
    return denied("program-outside", "path-outside", `\`${name}\` is really in ${directory}, outside the workspace`);
  }
  return look(files, path, name);
}

function look(files: Files, path: string, name: string): Result<FoundProgram, FileRefused> {
  const realpath = files.realpath(path);
  const stat = realpath === null ? null : files.stat(realpath);
  if (realpath === null || stat === null) return failed(`the program \`${name}\` does not exist`);
  if (stat.kind !== "file") return failed(`\`${name}\` is not a file`);
  if (!files.mayExecute(path)) return failed(`\`${name}\` may not be executed`);
  return ok({ path, realpath, stat });
}

/** One file under many names: what it does is said by argv[0], and that was judged already. */
const MULTI_CALL = new Set(["busybox", "toybox", "coreutils"]);

/** Judges the command again by the file that would really run. It may only tighten. */
export function judgeFile(
  grant: Grant,
  index: number,
  found: FoundProgram,
  format: "elf" | "script" | null,
): FileRefused | null {
  if (format === null) {
    const message = `${found.realpath} is neither ELF nor begins with \`#!\`: only a shell would take it for a program`;
    return refusal("program-format", "shell-denied", message);
  }
  const base = found.realpath.slice(found.realpath.lastIndexOf("/") + 1);
  if (MULTI_CALL.has(base)) return null;
  const command = grant.exec.commands[index]!;
  const resolved: CommandSpec = { ...command, argv: [found.realpath, ...command.argv.slice(1)] };
  const { findings } = judgeCommand(resolved, grant.role, `${execPlace(grant.stage_id)}/${index}`);
  const finding = findings.find(({ verdict }) => verdict === "deny" || (verdict === "ask" && !isApproved(grant)));
  if (finding === undefined) return null;
  return { reason: "denied", message: `${found.path} is ${found.realpath}: ${finding.problem.message}`, finding };
}

const failed = (message: string): Result<never, FileRefused> => err({ reason: "spawn_failed", message, finding: null });

const denied = (rule: string, code: ProblemCode, message: string): Result<never, FileRefused> =>
  err(refusal(rule, code, message));

const refusal = (rule: string, code: ProblemCode, message: string): FileRefused => ({
  reason: "denied",
  message,
  finding: { rule, verdict: "deny", problem: { code, message } },
});
