import type { ExitName } from "./exit-codes.ts";

/**
 * What can be wrong, once: the stable code, the HTTP status (RFC 9457) and the exit code of the command. Every
 * code is documented in docs/reference/problems.md, and a test holds the two together.
 */
export const problemCodes = {
  // the workflow file
  "yaml-syntax": { status: 422, exit: "invalid", title: "The file is not valid YAML or JSON" },
  "yaml-unsupported": { status: 422, exit: "invalid", title: "The file uses a part of YAML that is not taken" },
  "key-duplicate": { status: 422, exit: "invalid", title: "A key stands twice" },
  "key-unknown": { status: 422, exit: "invalid", title: "A key is not known here" },
  "key-missing": { status: 422, exit: "invalid", title: "A required key is missing" },
  "value-invalid": { status: 422, exit: "invalid", title: "A value has the wrong form" },
  "duration-invalid": { status: 422, exit: "invalid", title: "A duration has the wrong form" },
  "stage-id-invalid": { status: 422, exit: "invalid", title: "A stage id has the wrong form" },
  "stage-unknown": { status: 422, exit: "invalid", title: "A required stage does not exist" },
  "requirement-repeated": { status: 422, exit: "invalid", title: "A requirement stands twice" },
  cycle: { status: 422, exit: "invalid", title: "Stages require each other in a circle" },
  "too-large": { status: 422, exit: "invalid", title: "The workflow is larger than the limits" },
  "problems-more": { status: 422, exit: "invalid", title: "There are more problems than are listed" },
  // policy and paths
  "path-outside": { status: 422, exit: "invalid", title: "A path leaves the workspace" },
  "argv-invalid": { status: 422, exit: "invalid", title: "A command line has the wrong form" },
  "env-invalid": { status: 422, exit: "invalid", title: "An environment variable has the wrong form" },
  "shell-denied": { status: 422, exit: "invalid", title: "A command reaches a shell and does not say so" },
  "inline-code-denied": { status: 422, exit: "invalid", title: "A command carries code and does not say so" },
  "exec-option-denied": { status: 422, exit: "invalid", title: "An argument makes a program start or load something" },
  "env-denied": { status: 422, exit: "invalid", title: "A variable changes which code runs" },
  "policy-denied": { status: 422, exit: "invalid", title: "A policy file denies this command" },
  "policy-asked": { status: 422, exit: "invalid", title: "A policy file wants a person to decide" },
  "policy-invalid": { status: 422, exit: "invalid", title: "A policy file is wrong" },
  "secret-asked": { status: 422, exit: "invalid", title: "A command is to be given a secret, and a person decides" },
  "launcher-unknown-option": { status: 422, exit: "invalid", title: "A launcher's options hide what it starts" },
  "workspace-outside": { status: 422, exit: "invalid", title: "The workspace is not beneath an allowed root" },
  "workspace-missing": { status: 422, exit: "invalid", title: "The workspace is not a directory" },
  "query-invalid": { status: 422, exit: "invalid", title: "The database does not take this query" },
  // requests
  "bad-request": { status: 400, exit: "usage", title: "The request has the wrong form" },
  unauthorized: { status: 401, exit: "usage", title: "No valid token" },
  forbidden: { status: 403, exit: "usage", title: "This token's role may not do this" },
  "origin-foreign": { status: 403, exit: "usage", title: "The request comes from a web page of somebody else" },
  "host-unknown": { status: 421, exit: "usage", title: "The request is addressed to another server" },
  "media-type-unknown": { status: 415, exit: "usage", title: "The body is not said to be JSON" },
  "request-timeout": { status: 408, exit: "no_daemon", title: "The request came too slowly" },
  "headers-too-large": { status: 431, exit: "usage", title: "The request's headers are too large" },
  "too-many-requests": { status: 429, exit: "conflict", title: "Too many requests in a short time" },
  "token-exists": { status: 409, exit: "conflict", title: "There is a token of this name" },
  "token-unknown": { status: 404, exit: "not_found", title: "There is no token of this name" },
  "body-too-large": { status: 413, exit: "usage", title: "The request is too large" },
  "route-unknown": { status: 404, exit: "usage", title: "No such route" },
  "run-unknown": { status: 404, exit: "not_found", title: "No such run" },
  "run-ambiguous": { status: 404, exit: "not_found", title: "Several runs begin like this" },
  "stage-not-found": { status: 404, exit: "not_found", title: "The run has no such stage" },
  "exec-unknown": { status: 404, exit: "not_found", title: "The stage has no such exec" },
  "file-unknown": { status: 404, exit: "not_found", title: "The bundle has no such file" },
  "workflow-unknown": { status: 404, exit: "not_found", title: "No such workflow" },
  "range-invalid": { status: 416, exit: "usage", title: "The range lies outside the file" },
  // refusals of the state machine
  "run-settled": { status: 409, exit: "conflict", title: "The run has ended" },
  "run-not-settled": { status: 409, exit: "conflict", title: "The run has not ended" },
  "nothing-to-retry": { status: 409, exit: "conflict", title: "Every stage of the run succeeded" },
  "not-waiting": { status: 409, exit: "conflict", title: "The stage does not wait for a person" },
  "decision-invalid": { status: 409, exit: "conflict", title: "This question does not take that decision" },
  "approval-stale": { status: 409, exit: "conflict", title: "What was approved is not what would run" },
  "not-queued": { status: 409, exit: "conflict", title: "The stage is not queued" },
  "not-holder": { status: 409, exit: "conflict", title: "The agent does not hold this exec" },
  "fence-stale": { status: 409, exit: "conflict", title: "The lease was given to another exec" },
  "report-conflict": { status: 409, exit: "conflict", title: "The exec was reported with another manifest" },
  "report-invalid": { status: 409, exit: "conflict", title: "The report does not match its grant" },
  "key-reused": { status: 422, exit: "conflict", title: "The Idempotency-Key was used with another body" },
  // the daemon and its store
  "run-quarantined": { status: 500, exit: "store_unusable", title: "The run's journal cannot be read" },
  "outcome-unknown": { status: 503, exit: "store_unusable", title: "It is not known whether this was stored" },
  "not-accepting": { status: 503, exit: "store_unusable", title: "The daemon does not accept work" },
  overloaded: { status: 503, exit: "store_unusable", title: "Too much waits to be written" },
  "store-unusable": { status: 503, exit: "store_unusable", title: "The store cannot be opened" },
  "store-behind": { status: 503, exit: "store_unusable", title: "The store lacks what was acknowledged" },
  "state-in-use": { status: 503, exit: "conflict", title: "Another process owns the state directory" },
  "state-not-empty": { status: 409, exit: "conflict", title: "The state directory holds a store already" },
  "backup-invalid": { status: 422, exit: "invalid", title: "The backup is damaged, or is none" },
  "tls-missing": { status: 400, exit: "usage", title: "An address that others can reach needs TLS" },
  "tls-invalid": { status: 400, exit: "usage", title: "The certificate or its key cannot be used" },
  "address-unusable": { status: 503, exit: "conflict", title: "The daemon cannot listen there" },
  "no-daemon": { status: 503, exit: "no_daemon", title: "No daemon answers" },
  internal: { status: 500, exit: "store_unusable", title: "The daemon made a mistake" },
} as const satisfies Record<string, { status: number; exit: ExitName; title: string }>;

export type ProblemCode = keyof typeof problemCodes;

/** Where in the input. `path` is a JSON Pointer (RFC 6901); line and column count from 1 and are known for text only. */
export interface Place {
  readonly path: string;
  readonly line?: number;
  readonly column?: number;
}

/** One thing that is wrong: what happened, where, and what to do next. */
export interface Problem {
  readonly code: ProblemCode;
  readonly message: string;
  readonly place?: Place;
  readonly hint?: string;
}

/** The same on the wire: RFC 9457, with our code and, for bad input, every problem at once. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly hint?: string;
  readonly problems?: readonly Problem[];
}

export function problemDocument(problems: readonly [Problem, ...Problem[]]): ProblemDocument {
  const [first] = problems;
  const { status, title } = problemCodes[first.code];
  const several = problems.length > 1 || first.place !== undefined;
  return {
    type: `urn:orchestrator:problem:${first.code}`,
    title,
    status,
    code: first.code,
    detail: problems.length === 1 ? first.message : `${first.message} (and ${problems.length - 1} more)`,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
    ...(several ? { problems } : {}),
  };
}

/** A problem as an exception, for the edges only: an HTTP handler or a command throws it, one place shows it. */
export class ProblemError extends Error {
  override name = "ProblemError";
  readonly problems: readonly [Problem, ...Problem[]];
  constructor(...problems: readonly [Problem, ...Problem[]]) {
    super(problems.map((p) => `${p.code}: ${p.message}`).join("; "));
    this.problems = problems;
  }
}
