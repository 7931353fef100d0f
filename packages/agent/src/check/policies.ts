import { join } from "node:path";
import { err, ok, type Policy, POLICY_BYTES_MAX, policyFileNames, readPolicy, type Result } from "orchestrator-core";
import { errorText } from "../log.ts";
import { readPlain } from "../plain-file.ts";
import type { Files } from "../ports.ts";
import type { Refused } from "./grant.ts";

/** The policy of each workspace: the tables, the machine's file, as it was when the agent started, and the project's. */
export interface Policies {
  /** `workspace` is a real path; null: the machine's alone. The project's file is read anew: it may only narrow. */
  of(workspace: string | null): Result<Policy, Refused>;
}

const KNOWN_MAX = 100;

export function makePolicies(files: Files, state: string): Policies {
  const machine = files.readText(join(state, policyFileNames.machine));
  const known = new Map<string | null, Result<Policy, Refused>>();
  return {
    of(workspace) {
      const text = workspace === null ? ok(null) : textOf(files, join(workspace, policyFileNames.project));
      if (!text.ok) return err({ reason: "denied", message: `${policyFileNames.project} ${text.error}` });
      const project = text.value;
      const before = known.get(project);
      if (before !== undefined) return before;
      const policy = readOne(machine, project);
      if (known.size >= KNOWN_MAX) known.clear();
      known.set(project, policy);
      return policy;
    },
  };
}

function readOne(machine: string | null, project: string | null): Result<Policy, Refused> {
  const read = readPolicy({ machine, project });
  if (read.ok) return ok(read.value);
  const { kind, problems } = read.error;
  const message = `${policyFileNames[kind]}: ${problems.map((one) => one.message).join("; ")}`;
  return err({ reason: "denied", message });
}

function textOf(files: Files, path: string): Result<string | null, string> {
  try {
    const read = readPlain(files, path, POLICY_BYTES_MAX);
    if (!read.ok) return err(`${read.error}, and a policy is a plain file`);
    if (read.value === null) return ok(null);
    if (read.value.length > POLICY_BYTES_MAX) return err(`is larger than ${POLICY_BYTES_MAX} bytes`);
    return ok(new TextDecoder().decode(read.value));
  } catch (error) {
    return err(`cannot be read: ${errorText(error)}`);
  }
}
