import { type Static, type TSchema, Type } from "../schema.ts";
import { DIGEST_PATTERN } from "../canonical.ts";
import { AGENT_ID_PATTERN, ULID_PATTERN } from "../ids.ts";
import { FILE_NAME_PATTERN } from "../bundle/manifest.ts";
import { sandboxLevels, stopSignals } from "../workflow/spec.ts";
import { type Role, roles } from "./roles.ts";

/**
 * The HTTP API, once: the daemon builds its routes from this table, the client its calls, `/openapi.json` its
 * text. Times are RFC 3339 strings, durations whole milliseconds (`_ms`), digests 64 hex digits of SHA-256.
 */
const closed = { additionalProperties: false };
const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Digest = Type.String({ pattern: DIGEST_PATTERN });
const Ulid = Type.String({ pattern: ULID_PATTERN });
const AgentId = Type.String({ pattern: AGENT_ID_PATTERN });
/** Generated stages have a dot in their name, so ids in requests are looser than what a file may name. */
const StageId = Type.String({ pattern: "^[A-Za-z][A-Za-z0-9_.-]{0,127}$" });
const RequestId = Type.String({ minLength: 1, maxLength: 64 });
const Outputs = Type.Record(Type.String(), Type.String());
const Exit = Nullable(Type.Object({ code: Nullable(Type.Integer()), signal: Nullable(Type.String()) }, closed));
const ActorSchema = Type.Object({ role: Type.String(), name: Type.String() }, closed);

// what the graph looks like from outside

export const RunSummarySchema = Type.Object(
  {
    run_id: Ulid,
    run_number: Type.Integer(),
    name: Type.String(),
    /** `needs_human`: only a person can move it on. `quarantined`: its journal cannot be read. */
    status: Type.Enum(["running", "needs_human", "succeeded", "failed", "cancelled", "quarantined"]),
    stopping: Nullable(Type.String()),
    workspace: Type.String(),
    workflow_digest: Digest,
    plan_digest: Digest,
    by: ActorSchema,
    created_at: Type.String(),
    ended_at: Nullable(Type.String()),
    /** Stage_runs by status; zeros left out. */
    counts: Type.Record(Type.String(), Type.Integer()),
  },
  closed,
);
export type RunSummary = Static<typeof RunSummarySchema>;

export const ExecViewSchema = Type.Object(
  {
    exec_id: Ulid,
    fence: Type.Integer(),
    attempt: Type.Integer(),
    agent_id: Type.String(),
    granted_at: Type.String(),
    /** Null while it is held. */
    outcome: Nullable(Type.String()),
    reason: Nullable(Type.String()),
    message: Type.String(),
    exits: Type.Array(Exit),
    manifest_sha256: Nullable(Digest),
    duration_ms: Nullable(Type.Integer()),
    /** What held its commands. Null where no manifest says so. */
    sandbox: Nullable(Type.String()),
    /** The bundle, relative to the state directory. */
    bundle: Type.String(),
  },
  closed,
);
export type ExecView = Static<typeof ExecViewSchema>;

/** What a person answered to a question of a stage. */
export const DecisionViewSchema = Type.Object(
  {
    subject: Type.String(),
    decision: Type.String(),
    /** Of what was asked. */
    digest: Digest,
    by: ActorSchema,
    note: Type.String(),
    at: Type.String(),
  },
  closed,
);
export type DecisionView = Static<typeof DecisionViewSchema>;

export const StageViewSchema = Type.Object(
  {
    stage_id: Type.String(),
    kind: Type.Union([Type.Literal("exec"), Type.Literal("gate")]),
    status: Type.String(),
    /** Why it failed, was skipped or cancelled; null otherwise. */
    reason: Nullable(Type.String()),
    message: Type.String(),
    requires: Type.Array(Type.String()),
    exec_digest: Nullable(Digest),
    attempt: Type.Integer(),
    /** What a person is asked, with the digest that the answer must name. */
    question: Nullable(Type.Object({ subject: Type.String(), digest: Digest, message: Type.String() }, closed)),
    /** The answers that hold: what released its commands, and the last one where that is another. */
    decisions: Type.Array(DecisionViewSchema),
    since: Nullable(Type.String()),
    duration_ms: Nullable(Type.Integer()),
    outputs: Outputs,
    execs: Type.Array(ExecViewSchema),
  },
  closed,
);
export type StageView = Static<typeof StageViewSchema>;

export const RunViewSchema = Type.Object(
  { run: RunSummarySchema, intent: Type.Unknown(), seq: Type.Integer(), stages: Type.Array(StageViewSchema) },
  closed,
);
export type RunView = Static<typeof RunViewSchema>;

export const WhySchema = Type.Object(
  {
    status: Type.String(),
    /** One sentence. Never empty. */
    summary: Type.String(),
    /** What it waits for, or what made it so. */
    because: Type.Array(
      Type.Object({ kind: Type.String(), stage_id: Type.Optional(Type.String()), text: Type.String() }, closed),
    ),
    /** What to do next, where a person can do something. */
    hint: Nullable(Type.String()),
  },
  closed,
);
export type Why = Static<typeof WhySchema>;

// what agents and daemon say to each other

export const StopSchema = Type.Object(
  { signal: Type.Enum([...stopSignals]), grace_ms: Nullable(Type.Integer()) },
  closed,
);

const CommandSpecSchema = Type.Object(
  {
    argv: Type.Array(Type.String()),
    cwd: Type.String(),
    env: Type.Record(Type.String(), Type.String()),
    secrets: Type.Record(Type.String(), Type.String()),
    timeout_ms: Nullable(Type.Integer()),
    idle_timeout_ms: Nullable(Type.Integer()),
    stop: StopSchema,
    allow_shell: Type.Boolean(),
    allow_failure: Type.Boolean(),
  },
  closed,
);
export const ExecBlockSchema = Type.Object(
  {
    commands: Type.Array(CommandSpecSchema),
    effects: Type.Union([Type.Literal("idempotent"), Type.Literal("once")]),
    timeout_ms: Nullable(Type.Integer()),
    sandbox: Type.Enum([...sandboxLevels]),
    network: Type.Boolean(),
    limits: Type.Object(
      {
        cpu_time_ms: Nullable(Type.Integer()),
        memory_bytes: Nullable(Type.Integer()),
        processes: Nullable(Type.Integer()),
        file_size_bytes: Nullable(Type.Integer()),
        open_files: Nullable(Type.Integer()),
      },
      closed,
    ),
  },
  closed,
);

export const GrantSchema = Type.Object(
  {
    job_id: Type.String(),
    run_id: Ulid,
    stage_id: Type.String(),
    exec_id: Ulid,
    attempt: Type.Integer(),
    fence: Type.Integer(),
    lease_ms: Type.Integer(),
    /** For display. The agent counts from the moment it sent its request. */
    expires_at: Type.String(),
    exec: ExecBlockSchema,
    exec_digest: Digest,
    plan_digest: Digest,
    policy_digest: Digest,
    workspace: Type.String(),
    /** Of who submitted the run: the spec verdict depends on it. */
    role: Type.Enum([...roles]),
    approval: Nullable(Type.Object({ digest: Digest, by: Type.String(), at: Type.String() }, closed)),
    requires: Type.Array(
      Type.Object(
        {
          stage_id: Type.String(),
          exec_id: Nullable(Ulid),
          manifest_sha256: Nullable(Digest),
          outputs: Outputs,
          bundle: Nullable(Type.String()),
        },
        closed,
      ),
    ),
  },
  closed,
);
/** A lease of a job, and all that an agent needs to run it. */
export type Grant = Static<typeof GrantSchema>;

/** Only jobs whose workspace lies beneath one of these are granted; any, where it is left out. Absolute paths. */
const WorkspaceRoots = Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 4_096 }), { maxItems: 64 }));

export const ClaimBodySchema = Type.Object(
  {
    agent_id: AgentId,
    request_id: RequestId,
    /** How many jobs the agent takes at most: free slots and a few beyond. */
    jobs_max: Type.Integer({ minimum: 1, maximum: 256 }),
    /** How long the daemon may keep the request while nothing is queued. */
    wait_ms: Type.Integer({ minimum: 0, maximum: 60_000 }),
    labels: Type.Array(Type.String(), { maxItems: 64 }),
    workspace_roots: WorkspaceRoots,
  },
  closed,
);
export type ClaimBody = Static<typeof ClaimBodySchema>;

const HeldSchema = Type.Object(
  { run_id: Ulid, stage_id: StageId, exec_id: Ulid, fence: Type.Integer({ minimum: 1 }) },
  closed,
);
export type Held = Static<typeof HeldSchema>;

export const HeartbeatBodySchema = Type.Object(
  {
    agent_id: AgentId,
    execs: Type.Array(HeldSchema, { maxItems: 1_024 }),
    /** The daemon answers at once when a cancel is due, else after this long. Leases count from the request's start. */
    wait_ms: Type.Integer({ minimum: 0, maximum: 60_000 }),
  },
  closed,
);
export type HeartbeatBody = Static<typeof HeartbeatBodySchema>;

export const HeartbeatReplySchema = Type.Object(
  {
    /** End these: their run is stopping. */
    cancel: Type.Array(Ulid),
    /** No longer held by this agent: end these, their reports will be refused. */
    lost: Type.Array(Ulid),
  },
  closed,
);
export type HeartbeatReply = Static<typeof HeartbeatReplySchema>;

/**
 * How an exec ended.
 * `manifest`: it ran (or was refused by the agent) and its bundle is published; the text of manifest.json, exactly.
 * `handed_back`: it never began; spends no budget.
 * `lost`: an earlier life of this agent held it and cannot say how it ended.
 * `no_bundle`: it could not be recorded, so it counts as failed.
 */
export const ReportSchema = Type.Union([
  Type.Object({ kind: Type.Literal("manifest"), manifest: Type.String({ maxLength: 16 * 1024 * 1024 }) }, closed),
  Type.Object({ kind: Type.Literal("handed_back") }, closed),
  Type.Object({ kind: Type.Literal("lost") }, closed),
  Type.Object({ kind: Type.Literal("no_bundle"), message: Type.String({ maxLength: 4_096 }) }, closed),
]);
export type Report = Static<typeof ReportSchema>;

export const CompletionSchema = Type.Object(
  { run_id: Ulid, stage_id: StageId, exec_id: Ulid, fence: Type.Integer({ minimum: 1 }), report: ReportSchema },
  closed,
);
export type Completion = Static<typeof CompletionSchema>;

export const CompleteBodySchema = Type.Object(
  {
    agent_id: AgentId,
    request_id: RequestId,
    completions: Type.Array(CompletionSchema, { minItems: 1, maxItems: 256 }),
    /** Claim the next jobs in the same request and commit. */
    claim: Type.Optional(
      Type.Object(
        {
          jobs_max: Type.Integer({ minimum: 1, maximum: 256 }),
          labels: Type.Array(Type.String(), { maxItems: 64 }),
          workspace_roots: WorkspaceRoots,
        },
        closed,
      ),
    ),
  },
  closed,
);
export type CompleteBody = Static<typeof CompleteBodySchema>;

export const CompleteReplySchema = Type.Object(
  {
    /** In the order of the completions. */
    outcomes: Type.Array(
      Type.Object(
        {
          exec_id: Ulid,
          /** `repeated`: it was accepted before. `refused`: it changed nothing; keep the bundle, mark it fenced. */
          outcome: Type.Union([Type.Literal("accepted"), Type.Literal("repeated"), Type.Literal("refused")]),
          code: Type.Optional(Type.String()),
          message: Type.Optional(Type.String()),
        },
        closed,
      ),
    ),
    jobs: Type.Array(GrantSchema),
  },
  closed,
);
export type CompleteReply = Static<typeof CompleteReplySchema>;

// the table

export interface Route {
  readonly method: "GET" | "POST";
  /** With `{name}` for parameters, as OpenAPI writes them. */
  readonly path: string;
  /** Null: open to all who can connect. */
  readonly roles: readonly Role[] | null;
  readonly summary: string;
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly body?: TSchema;
  readonly status: 200 | 201;
  readonly reply: TSchema;
  /** `json` unless said: an event stream or a file is written by the daemon piece by piece. */
  readonly media?: "text/event-stream" | "application/octet-stream" | "application/x-ndjson";
  readonly body_bytes_max?: number;
  /** What is written into the audit log when it is carried out. Left out: the route changes nothing, or is an agent's. */
  readonly audit?: AuditRule;
}

/** An entry names who, the route, its parameters, and these fields. */
export interface AuditRule {
  /** The entry is on the disk before the answer. */
  readonly synced: boolean;
  /** Written before it is carried out, and not after: there may be no after. */
  readonly before?: boolean;
  readonly body?: readonly string[];
  readonly reply?: readonly string[];
}

const Note = Type.Optional(Type.String({ maxLength: 4_096 }));
const FrozenSchema = Type.Object({ by: ActorSchema, at: Type.String(), note: Type.String() }, closed);
/** Leasing stands still: who said so, when, and why. */
export type Frozen = Static<typeof FrozenSchema>;
const FreezeReply = Type.Object({ frozen: Nullable(FrozenSchema) }, closed);
const TokenNameSchema = Type.Object({ role: Type.Enum([...roles]), name: Type.String() }, closed);
const TokenNameBody = Type.Object({ role: Type.Enum([...roles]), name: AgentId }, closed);

const RunParams = Type.Object({ run_id: Ulid }, closed);
const StageParams = Type.Object({ run_id: Ulid, stage_id: StageId }, closed);
/** Who may what, in one place: each line is a right, and routes name rights. */
const may = {
  read: ["viewer", "proposer", "approver", "operator", "admin"],
  submit: ["proposer", "operator", "admin"],
  /** A proposer only what it submitted itself. */
  steer: ["proposer", "operator", "admin"],
  decide: ["approver", "operator", "admin"],
  operate: ["operator", "admin"],
  administer: ["admin"],
  work: ["agent"],
  /** All that have a token. */
  greet: roles,
} as const satisfies Record<string, readonly Role[]>;
const MIB = 1024 * 1024;

export const routes = {
  submitRun: {
    method: "POST",
    path: "/v1/runs",
    roles: may.submit,
    summary: "Submit a run. `Idempotency-Key` makes a repeated request answer with the same run.",
    body: Type.Object(
      {
        /** The workflow in the form of the file, as JSON. */
        workflow: Type.Unknown(),
        /** Absolute path. Default: where the daemon was started. */
        workspace: Type.Optional(Type.String({ minLength: 1, maxLength: 4_096 })),
      },
      closed,
    ),
    body_bytes_max: 32 * MIB,
    audit: { synced: false, reply: ["run_id", "plan_digest"] },
    status: 201,
    reply: Type.Object({ run_id: Ulid, plan_digest: Digest }, closed),
  },
  listRuns: {
    method: "GET",
    path: "/v1/runs",
    roles: may.read,
    summary: "Runs, newest first; with `status=open` those that have not ended. `next` is the cursor of the next page.",
    query: Type.Object(
      {
        cursor: Type.Optional(Type.Integer({ minimum: 1 })),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
        /** `open`: those that have not ended. Left out: all. */
        status: Type.Optional(Type.Literal("open")),
      },
      closed,
    ),
    status: 200,
    reply: Type.Object({ runs: Type.Array(RunSummarySchema), next: Nullable(Type.Integer()) }, closed),
  },
  showRun: {
    method: "GET",
    path: "/v1/runs/{run_id}",
    roles: may.read,
    summary: "One run with its stages.",
    params: RunParams,
    status: 200,
    reply: RunViewSchema,
  },
  showWorkflow: {
    method: "GET",
    path: "/v1/workflows/{digest}",
    roles: may.read,
    summary: "A workflow in its internal form.",
    params: Type.Object({ digest: Digest }, closed),
    status: 200,
    reply: Type.Unknown(),
  },
  runEvents: {
    method: "GET",
    path: "/v1/runs/{run_id}/events",
    roles: may.read,
    summary: "The run's events in order, then those to come, until the run settles. `Last-Event-ID` resumes.",
    params: RunParams,
    status: 200,
    reply: Type.Unknown(),
    media: "text/event-stream",
  },
  why: {
    method: "GET",
    path: "/v1/runs/{run_id}/stages/{stage_id}/why",
    roles: may.read,
    summary: "Why the stage is in the state that it is in.",
    params: StageParams,
    status: 200,
    reply: WhySchema,
  },
  decide: {
    method: "POST",
    path: "/v1/runs/{run_id}/stages/{stage_id}/decide",
    roles: may.decide,
    summary: "Answer the question that a stage waits with. `digest` is the one that the question names.",
    params: StageParams,
    body: Type.Object(
      {
        decision: Type.Enum(["approve", "reject", "retry", "mark_succeeded", "mark_failed"]),
        subject: Type.Enum(["gate", "exec", "lost_lease"]),
        digest: Digest,
        note: Note,
      },
      closed,
    ),
    audit: { synced: true, body: ["decision", "subject", "digest"] },
    status: 200,
    reply: StageViewSchema,
  },
  cancelRun: {
    method: "POST",
    path: "/v1/runs/{run_id}/cancel",
    roles: may.steer,
    summary: "Start nothing more, end what runs.",
    params: RunParams,
    body: Type.Object({ note: Note }, closed),
    audit: { synced: true },
    status: 200,
    reply: RunSummarySchema,
  },
  retryRun: {
    method: "POST",
    path: "/v1/runs/{run_id}/retry",
    roles: may.steer,
    summary: "Reopen a failed or cancelled run: what did not succeed runs again.",
    params: RunParams,
    body: Type.Object({}, closed),
    audit: { synced: true },
    status: 200,
    reply: RunSummarySchema,
  },
  readFile: {
    method: "GET",
    path: "/v1/runs/{run_id}/stages/{stage_id}/execs/{exec_id}/files/{name}",
    roles: may.read,
    summary:
      "A file of a bundle, also while it is being written. Takes `Range: bytes=FROM-` and `bytes=FROM-TO`. With `follow_from` " +
      "from that byte on, and what comes, until no more can, or nothing has come for 30 s: then ask again.",
    params: Type.Object(
      { run_id: Ulid, stage_id: StageId, exec_id: Ulid, name: Type.String({ pattern: FILE_NAME_PATTERN }) },
      closed,
    ),
    query: Type.Object({ follow_from: Type.Optional(Type.Integer({ minimum: 0 })) }, closed),
    status: 200,
    reply: Type.Unknown(),
    media: "application/octet-stream",
  },
  claim: {
    method: "POST",
    path: "/v1/agent/claim",
    roles: may.work,
    summary: "Lease queued jobs. Waits while there are none. The same `request_id` gets the same, still valid grants.",
    body: ClaimBodySchema,
    status: 200,
    reply: Type.Object({ jobs: Type.Array(GrantSchema) }, closed),
  },
  heartbeat: {
    method: "POST",
    path: "/v1/agent/heartbeat",
    roles: may.work,
    summary: "Renew leases. Answers at once when a cancel is due.",
    body: HeartbeatBodySchema,
    status: 200,
    reply: HeartbeatReplySchema,
  },
  complete: {
    method: "POST",
    path: "/v1/agent/complete",
    roles: may.work,
    summary: "Report how execs ended, and claim the next jobs in the same commit.",
    body: CompleteBodySchema,
    body_bytes_max: 32 * MIB,
    status: 200,
    reply: CompleteReplySchema,
  },
  query: {
    method: "POST",
    path: "/v1/query",
    roles: may.operate,
    summary: "Read the records with SurrealQL, as a user who cannot write. One entry per statement.",
    body: Type.Object({ surql: Type.String({ minLength: 1, maxLength: 65_536 }) }, closed),
    status: 200,
    reply: Type.Object({ results: Type.Array(Type.Unknown()) }, closed),
  },
  backup: {
    method: "GET",
    path: "/v1/backup",
    roles: may.operate,
    summary: "Everything durable but the bundles, as it stood at one moment: a file for `orchestrator restore`.",
    audit: { synced: true, before: true },
    status: 200,
    reply: Type.Unknown(),
    media: "application/x-ndjson",
  },
  stop: {
    method: "POST",
    path: "/v1/stop",
    roles: may.operate,
    summary: "Stop the daemon, and with it what `orchestrator up` started.",
    body: Type.Object({}, closed),
    audit: { synced: true, before: true },
    status: 200,
    reply: Type.Object({ stopping: Type.Literal(true) }, closed),
  },
  showFreeze: {
    method: "GET",
    path: "/v1/freeze",
    roles: may.read,
    summary: "Whether leasing is frozen, by whom and since when.",
    status: 200,
    reply: FreezeReply,
  },
  freeze: {
    method: "POST",
    path: "/v1/freeze",
    roles: may.operate,
    summary:
      "Grant no more leases until `unfreeze`, also after a restart. With `cancel`, runs with running commands are cancelled.",
    body: Type.Object({ note: Note, cancel: Type.Optional(Type.Boolean()) }, closed),
    audit: { synced: true, body: ["cancel"] },
    status: 200,
    reply: FreezeReply,
  },
  unfreeze: {
    method: "POST",
    path: "/v1/unfreeze",
    roles: may.operate,
    summary: "Grant leases again.",
    body: Type.Object({}, closed),
    audit: { synced: true },
    status: 200,
    reply: FreezeReply,
  },
  listTokens: {
    method: "GET",
    path: "/v1/tokens",
    roles: may.administer,
    summary: "Roles and names of the tokens there are, never the tokens.",
    status: 200,
    reply: Type.Object({ tokens: Type.Array(TokenNameSchema) }, closed),
  },
  createToken: {
    method: "POST",
    path: "/v1/tokens",
    roles: may.administer,
    summary:
      "Make a token for a role and a name; for an agent the name is the one agent_id that it may speak for. Shown once.",
    body: TokenNameBody,
    audit: { synced: true, body: ["role", "name"] },
    status: 201,
    reply: Type.Object({ role: Type.String(), name: Type.String(), token: Type.String() }, closed),
  },
  revokeToken: {
    method: "POST",
    path: "/v1/tokens/revoke",
    roles: may.administer,
    summary: "Take a token back. From now on it is unknown.",
    body: TokenNameBody,
    audit: { synced: true, body: ["role", "name"] },
    status: 200,
    reply: Type.Object({ role: Type.String(), name: Type.String() }, closed),
  },
  livez: {
    method: "GET",
    path: "/livez",
    roles: null,
    summary: "The process answers.",
    status: 200,
    reply: Type.Object({ status: Type.Literal("ok") }, closed),
  },
  readyz: {
    method: "GET",
    path: "/readyz",
    roles: null,
    summary: "The daemon accepts work; 503 with the reason when not. `frozen_since`: it grants no leases.",
    status: 200,
    reply: Type.Object({ status: Type.Literal("ok"), frozen_since: Nullable(Type.String()) }, closed),
  },
  version: {
    method: "GET",
    path: "/version",
    roles: may.greet,
    summary: "What runs here.",
    status: 200,
    reply: Type.Object(
      { version: Type.String(), node: Type.String(), store: Type.String(), policy_digest: Digest },
      closed,
    ),
  },
  openapi: {
    method: "GET",
    path: "/openapi.json",
    roles: null,
    summary: "This table as OpenAPI 3.1.",
    status: 200,
    reply: Type.Unknown(),
  },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;
type Part<N extends RouteName, K extends "params" | "query" | "body"> =
  (typeof routes)[N] extends Record<K, infer S extends TSchema> ? { readonly [P in K]: Static<S> } : unknown;
/** What a call of the route takes. */
export type Input<N extends RouteName> = Part<N, "params"> & Part<N, "query"> & Part<N, "body">;
/** What it answers. */
export type Reply<N extends RouteName> = Static<(typeof routes)[N]["reply"]>;
/** Routes that answer with JSON; the others stream. */
export type JsonRouteName = { [N in RouteName]: (typeof routes)[N] extends { media: string } ? never : N }[RouteName];
