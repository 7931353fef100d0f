export { calmProfile, type Profile } from "./profile.ts";
export { scriptArgs } from "./script.ts";
export { type Course, type Outcome, simulate, simulateWith } from "./simulate.ts";
export type { RunPlan } from "./workload.ts";
