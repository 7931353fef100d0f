import { liesBeneath } from "../path.ts";

/** What an agent can take: the labels that it has, and where the workspaces lie that it may enter. */
export interface AgentReach {
  readonly labels: readonly string[];
  /** Absolute paths. Undefined: anywhere. */
  readonly workspace_roots?: readonly string[] | undefined;
}

/** Whether an agent may be given jobs that want these labels, in this workspace. The queue and `why` ask the same. */
export function mayTake(reach: AgentReach, labels: readonly string[], workspace: string): boolean {
  return hasLabels(reach, labels) && mayEnter(reach, workspace);
}

export const hasLabels = (reach: AgentReach, labels: readonly string[]): boolean =>
  labels.every((label) => reach.labels.includes(label));

export const mayEnter = ({ workspace_roots }: AgentReach, workspace: string): boolean =>
  workspace_roots === undefined || workspace_roots.some((root) => liesBeneath(root, workspace));
