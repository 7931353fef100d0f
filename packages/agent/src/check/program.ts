import { dirname, join } from "node:path";
import {
  type CommandSpec,
  err,
  execPlace,
  type Finding,
  type Grant,
  judgeCommand,
  type Under,
  liesBeneath,
  ok,
  type ProblemCode,
  quote,
  type Result,
} from "orchestrator-core";
import type { Files, FileStat } from "../ports.ts";
import { isApproved, type Refused } from "./grant.ts";
import { readHead } from "./script.ts";
import type { Twins } from "./twins.ts";

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
/** The kernel starts an interpreter that is itself a script, so often. */
const INTERPRETERS_MAX = 5;

export interface Judged {
  readonly under: Under;
  /** Set: an exception lets the command, for this file alone. */
  readonly program: string | undefined;
  readonly grant: Grant;
  readonly index: number;
  readonly found: FoundProgram;
  /** A real path. */
  readonly workspace: string;
}

/**
 * Judges the command again by the file that would really run, and the interpreters that it names. It may only tighten.
 * A script that is installed is trusted like its neighbours; one of the workspace is what its interpreter makes of it.
 */
export function judgeFile(files: Files, twins: Twins, judged: Judged): FileRefused | null {
  const { found, grant, index, workspace } = judged;
  const { argv } = grant.exec.commands[index]!;
  const here = (real: string): boolean => liesBeneath(workspace, real);
  if (judged.program !== undefined) {
    if (judged.program === found.realpath) return null;
    const message = `policy lets this command for ${judged.program}, and what would run is ${found.realpath}`;
    return refusal("policy", "policy-denied", message);
  }

  let { realpath, stat } = found;
  let words: readonly string[] = [realpath, ...argv.slice(1)];
  for (let level = 0; ; level++) {
    if (here(realpath) && stat.setid) {
      return refusal("program-setid", "shell-denied", `${realpath} would act as another user: it has the set-id bit`);
    }
    const head = readHead(files, realpath);
    if (head.is === "neither") {
      const message = `${realpath} is no program: ${head.why}; only a shell would take it for one`;
      return refusal("program-format", "shell-denied", message);
    }
    const twin = here(realpath) && head.is === "elf" ? twins.of(realpath, stat) : null;
    const base = realpath.slice(realpath.lastIndexOf("/") + 1);
    if (level > 0 || !MULTI_CALL.has(base)) {
      const refused = judgeWords(judged, twin === null ? words : [twin, ...words.slice(1)]);
      if (refused !== null) return refused;
    }
    if (head.is === "elf" || !here(realpath)) return null;
    if (level === INTERPRETERS_MAX) {
      const message = `${found.path} names more than ${INTERPRETERS_MAX} interpreters, one after the other`;
      return refusal("program-format", "shell-denied", message);
    }
    words = [head.interpreter, ...(head.argument === null ? [] : [head.argument]), ...words];
    const refused = judgeWords(judged, words);
    if (refused !== null) return refused;
    const interpreter = look(files, head.interpreter, head.interpreter);
    if (!interpreter.ok) {
      return { ...interpreter.error, message: `${realpath} needs an interpreter: ${interpreter.error.message}` };
    }
    ({ realpath, stat } = interpreter.value);
    words = [realpath, ...words.slice(1)];
  }
}

function judgeWords({ grant, index, found, under }: Judged, argv: readonly string[]): FileRefused | null {
  const command: CommandSpec = { ...grant.exec.commands[index]!, argv };
  const place = `${execPlace(grant.stage_id)}/${index}`;
  const { findings } = judgeCommand(command, grant.role, place, under);
  const finding = findings.find(({ verdict }) => verdict === "deny" || (verdict === "ask" && !isApproved(grant)));
  if (finding === undefined) return null;
  const ask = finding.verdict === "deny" && finding.rule !== "path" && finding.rule !== "launcher";
  const message = `${found.path} really is ${argv.slice(0, 3).map(quote).join(" ")}: ${finding.problem.message}${
    ask ? "; to let it, set `allow_shell: true` on this command" : ""
  }`;
  // words of a script's first line have no place of their own in the workflow
  const problem = { ...finding.problem, message, place: { path: `${place}/argv/0` } };
  return { reason: "denied", message, finding: { ...finding, problem } };
}

const failed = (message: string): Result<never, FileRefused> => err({ reason: "spawn_failed", message, finding: null });

const denied = (rule: string, code: ProblemCode, message: string): Result<never, FileRefused> =>
  err(refusal(rule, code, message));

const refusal = (rule: string, code: ProblemCode, message: string): FileRefused => ({
  reason: "denied",
  message,
  finding: { rule, verdict: "deny", problem: { code, message } },
});
