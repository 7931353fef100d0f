import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Policy, POLICY_BYTES_MAX, policyFileNames, ProblemError, readPolicy } from "orchestrator-core";

/** A machine's policy file as it was when it was read. What is changed later counts after a restart, as for agents. */
export interface MachinePolicy {
  /**
   * The policy of a workspace: the tables, this file, and the project's, which is read now. Null: without a project.
   * Throws a `ProblemError` that names the file that is wrong, with line and column.
   */
  of(workspace: string | null): Policy;
}

export function readMachinePolicy(state: string): MachinePolicy {
  const machine = textOf(join(state, policyFileNames.machine), 0);
  const policy: MachinePolicy = {
    of(workspace) {
      const project =
        workspace === null ? null : textOf(join(workspace, policyFileNames.project), constants.O_NOFOLLOW);
      const read = readPolicy({ machine, project });
      if (read.ok) return read.value;
      const { kind, problems } = read.error;
      const path = join(kind === "machine" ? state : (workspace ?? ""), policyFileNames[kind]);
      const [first, ...more] = problems.map(({ place, ...problem }) => {
        const at = place?.line === undefined ? "" : `:${place.line}:${place.column ?? 1}`;
        return { ...problem, message: `${path}${at}: ${problem.message}` };
      });
      throw new ProblemError(first!, ...more);
    },
  };
  policy.of(null);
  return policy;
}

/**
 * Commands can write to a workspace: a fifo there must not keep us waiting, nor a link lead us elsewhere.
 * Null: there is no such file.
 */
function textOf(path: string, flags: number): string | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | flags);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    throw unreadable(path, code === "ELOOP" ? "is a link" : `cannot be read: ${message}`);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw unreadable(path, "is no file");
    if (stat.size > POLICY_BYTES_MAX) throw unreadable(path, `is larger than ${POLICY_BYTES_MAX} bytes`);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

const unreadable = (path: string, what: string): ProblemError =>
  new ProblemError({
    code: "policy-invalid",
    message: `${path} ${what}`,
    hint: "a policy is a plain file of its own, or is not there",
  });
