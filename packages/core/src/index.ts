export * from "./api/client.ts";
export * from "./api/contract.ts";
export * from "./api/roles.ts";
export * from "./bundle/manifest.ts";
export * from "./canonical.ts";
export * from "./duration.ts";
export * from "./size.ts";
export * from "./exit-codes.ts";
export * from "./graph.ts";
export * from "./ids.ts";
export * from "./path.ts";
export * from "./pointer.ts";
export * from "./policy/judge.ts";
export { builtInPolicy, type Policy, policyDigest } from "./policy/policy.ts";
export {
  higher,
  type PolicyKind,
  type PolicyProblems,
  POLICY_BYTES_MAX,
  policyFileNames,
  policySummary,
  readPolicy,
} from "./policy/policy-file.ts";
export { isKnownProgram } from "./policy/program.ts";
export * from "./policy/verdict.ts";
export * from "./ports.ts";
export * from "./problem.ts";
export * from "./quote.ts";
export * from "./result.ts";
export * from "./run/apply.ts";
export * from "./run/cells.ts";
export * from "./run/event.ts";
export * from "./run/reach.ts";
export * from "./run/readiness.ts";
export * from "./run/report.ts";
export * from "./run/run.ts";
export * from "./run/transition.ts";
export * from "./run/view.ts";
export * from "./run/why.ts";
export * from "./schema.ts";
export * from "./sha256.ts";
export * from "./suggest.ts";
export * from "./utf8.ts";
export * from "./version.ts";
export * from "./workflow/parse.ts";
export type { Problems } from "./workflow/text.ts";
export * from "./workflow/plan.ts";
export * from "./workflow/render.ts";
export * from "./workflow/schema.ts";
export * from "./workflow/spec.ts";
