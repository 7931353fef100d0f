import { getSystemErrorMap } from "node:util";
import { type ExitName, NoAnswer, type Problem, ProblemError, exitCode, problemCodes } from "orchestrator-core";

/** A command cannot go on, for a reason of the command line's own: everything else is a `ProblemError`. */
export class CommandError extends Error {
  override name = "CommandError";
  readonly exit: ExitName;
  readonly hint: string | null;
  constructor(exit: ExitName, message: string, hint: string | null = null) {
    super(message);
    this.exit = exit;
    this.hint = hint;
  }
}

export const usageError = (message: string, hint: string | null = null): CommandError =>
  new CommandError("usage", message, hint);

export const problemError = (code: Problem["code"], message: string, hint: string | null = null): ProblemError =>
  new ProblemError({ code, message, ...(hint === null ? {} : { hint }) });

/** What an error means: the exit code, and what to show. A problem has a code, a mistake of the command line none. */
export interface Failure {
  readonly exit: number;
  readonly problems: readonly (Omit<Problem, "code"> & { readonly code: Problem["code"] | null })[];
  /** Where in our own code, for a mistake of ours only. */
  readonly trace?: string;
}

export function failureOf(error: unknown): Failure {
  if (error instanceof CommandError) {
    const { exit, message, hint } = error;
    return { exit: exitCode(exit), problems: [{ code: null, message, ...(hint === null ? {} : { hint }) }] };
  }
  if (error instanceof ProblemError) {
    return { exit: exitCode(problemCodes[error.problems[0].code].exit), problems: error.problems };
  }
  if (error instanceof NoAnswer) {
    const message = `the daemon gave no answer (${error.message}): the request may or may not have been carried out`;
    return {
      exit: exitCode("no_daemon"),
      problems: [{ code: "no-daemon", message, hint: "look with `orchestrator ls` before you try again" }],
    };
  }
  if (isOfTheSystem(error)) {
    const [, text] = getSystemErrorMap().get(error.errno ?? 0) ?? ["", error.code ?? "unknown"];
    const message = `${[error.syscall, error.path].filter((word) => word !== undefined).join(" ")}: ${text}`;
    const hint =
      SYSTEM_HINTS[error.code ?? ""] ?? "can this user write to the directory, and is there room on the disk?";
    return { exit: exitCode("store_unusable"), problems: [{ code: null, message, hint }] };
  }
  const [message, trace] = error instanceof Error ? [error.message, error.stack ?? ""] : [String(error), ""];
  return {
    exit: exitCode(problemCodes.internal.exit),
    problems: [{ code: "internal", message: `a mistake in the orchestrator itself: ${message}` }],
    trace,
  };
}

const NOT_ALLOWED = "this user may not: go to a directory of your own, or name another state directory with --state";
const SYSTEM_HINTS: Readonly<Record<string, string>> = {
  EACCES: NOT_ALLOWED,
  EPERM: NOT_ALLOWED,
  EROFS: NOT_ALLOWED,
  ENOENT: "is the path written right, and is its directory there?",
  ENOSPC: "make room on the disk, then try again",
  EDQUOT: "make room on the disk, then try again",
};

/** What the operating system refused: a full disk, a directory of somebody else. */
const isOfTheSystem = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";
