/**
 * What a token may do. An operator steers; a proposer (an AI or a script) may submit and read, and never
 * approves; an agent claims and reports.
 */
export const roles = ["operator", "proposer", "agent"] as const;
export type Role = (typeof roles)[number];
