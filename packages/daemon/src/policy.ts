import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Policy, policyFileNames, ProblemError, readPolicy } from "orchestrator-core";

/** A machine's policy file as it was when it was read. What is changed later counts after a restart, as for agents. */
export interface MachinePolicy {
  /**
   * The policy of a workspace: the tables, this file, and the project's, which is read now. Null: without a project.
   * Throws a `ProblemError` that names the file that is wrong, with line and column.
   */
  of(workspace: string | null): Policy;
}

export function readMachinePolicy(state: string): MachinePolicy {
  const machine = textOf(join(state, policyFileNames.machine));
  const policy: MachinePolicy = {
    of(workspace) {
      const project = workspace === null ? null : textOf(join(workspace, policyFileNames.project));
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

function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
