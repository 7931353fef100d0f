import type { Grant } from "orchestrator-core";

export type ProcessEnvironment = Readonly<Record<string, string | undefined>>;

/** What commands see of the agent's own environment. No token of ours can be among it. */
const PASSED_ON = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"] as const;

const PATH_DEFAULT = "/usr/local/bin:/usr/bin:/bin";

export interface Places {
  readonly workspace: string;
  readonly output: string;
  readonly requires: string;
}

/** The whole environment of a command: the allow-list, what the spec sets, and ours last. */
export function environmentOf(
  inherited: ProcessEnvironment,
  set: Readonly<Record<string, string>>,
  grant: Pick<Grant, "run_id" | "stage_id" | "exec_id">,
  places: Places,
): Readonly<Record<string, string>> & { readonly PATH: string } {
  const passed: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = inherited[name];
    if (value !== undefined) passed[name] = value;
  }
  return {
    PATH: PATH_DEFAULT,
    ...passed,
    ...set,
    ORCHESTRATOR_RUN_ID: grant.run_id,
    ORCHESTRATOR_STAGE_ID: grant.stage_id,
    ORCHESTRATOR_EXEC_ID: grant.exec_id,
    ORCHESTRATOR_WORKSPACE: places.workspace,
    ORCHESTRATOR_OUTPUT: places.output,
    ORCHESTRATOR_REQUIRES: places.requires,
  };
}

/** Stands in the environment of every process of an exec, so that an agent can recognise them after a crash. */
export const markOf = (exec_id: string): string => `ORCHESTRATOR_EXEC_ID=${exec_id}`;
