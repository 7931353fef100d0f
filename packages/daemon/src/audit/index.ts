/** Reading the audit log. Loads no database. */
export { BEGIN, type Head } from "./chain.ts";
export { type AuditReport, type Finding, verifyAudit } from "./verify.ts";
