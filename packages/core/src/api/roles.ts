/**
 * What a token may do; which route takes which role stands in the contract's table.
 *
 * A viewer reads. A proposer (an AI or a script) also submits, steers what it submitted itself, and never decides. An
 * approver reads and decides. An operator does all of this with every run, and stops and freezes the daemon. An admin
 * also makes and revokes tokens. An agent claims and reports, and nothing else.
 */
export const roles = ["viewer", "proposer", "approver", "operator", "admin", "agent"] as const;
export type Role = (typeof roles)[number];

export const isRole = (text: string): text is Role => (roles as readonly string[]).includes(text);
