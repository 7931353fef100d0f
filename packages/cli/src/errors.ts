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
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    exit: exitCode(problemCodes.internal.exit),
    problems: [{ code: "internal", message: `a mistake in the orchestrator itself: ${text}` }],
  };
}
