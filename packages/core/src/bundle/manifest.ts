import { type Static, type TSchema, Type } from "../schema.ts";
import { DIGEST_PATTERN, canonicalJson } from "../canonical.ts";
import { failureReasons } from "../run/event.ts";
import { sandboxLevels } from "../workflow/spec.ts";

/**
 * The manifest of a bundle: canonical JSON (RFC 8785), integers only. It names every other file of the bundle
 * with size and SHA-256, so one digest, the manifest's own, stands for the whole bundle.
 */
const closed = { additionalProperties: false };
const Digest = Type.String({ pattern: DIGEST_PATTERN });
const Time = Type.String();
const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Reason = Type.Enum([...failureReasons]);

export const ExitSchema = Type.Object({ code: Nullable(Type.Integer()), signal: Nullable(Type.String()) }, closed);

const FileSchema = Type.Object({ name: Type.String(), size: Type.Integer(), sha256: Digest }, closed);

/** The file that ran. `path` as it was found, `realpath` behind all links. */
const ProgramSchema = Type.Object(
  {
    path: Type.String(),
    realpath: Type.String(),
    device: Type.Integer(),
    inode: Type.Integer(),
    size: Type.Integer(),
    sha256: Digest,
    format: Type.Union([Type.Literal("elf"), Type.Literal("script")]),
    /** First line of a script, without `#!`. */
    interpreter: Nullable(Type.String()),
  },
  closed,
);

const FindingSchema = Type.Object(
  { rule: Type.String(), verdict: Type.String(), code: Type.String(), message: Type.String(), path: Type.String() },
  closed,
);

/** A signal that we sent, and to whom: the command's process group, or one process of it. */
const SignalledSchema = Type.Object(
  { signal: Type.String(), at: Time, pgid: Type.Integer(), why: Type.String() },
  closed,
);

/** Of the command and those of its descendants that it waited for. */
const UsageSchema = Type.Object(
  { user_ms: Type.Integer(), system_ms: Type.Integer(), rss_kb_max: Type.Integer() },
  closed,
);

const CommandSchema = Type.Object(
  {
    index: Type.Integer(),
    argv: Type.Array(Type.String()),
    cwd: Type.String(),
    /** Names only: what the spec set, and what the agent let through. */
    env_names: Type.Array(Type.String()),
    /** Names of secrets, by the variables that held them. */
    secrets: Type.Record(Type.String(), Type.String()),
    /** How many passages of its logs were masked, since they held a secret. */
    redactions: Type.Integer(),
    allow_shell: Type.Boolean(),
    allow_failure: Type.Boolean(),
    timeout_ms: Nullable(Type.Integer()),
    idle_timeout_ms: Nullable(Type.Integer()),
    stop: Type.Object({ signal: Type.String(), grace_ms: Nullable(Type.Integer()) }, closed),
    verdict: Type.Object({ verdict: Type.String(), findings: Type.Array(FindingSchema) }, closed),
    program: Nullable(ProgramSchema),
    /** Null: never started. */
    exit: Nullable(ExitSchema),
    /** Null: not measured. */
    usage: Nullable(UsageSchema),
    reason: Nullable(Reason),
    message: Type.String(),
    started_at: Nullable(Time),
    duration_ms: Nullable(Type.Integer()),
    signalled: Type.Array(SignalledSchema),
    /** Processes of the command that we saw and that were still there when we gave up. 0 is the promise. */
    survivors: Type.Integer(),
    stdout: Nullable(Type.String()),
    stderr: Nullable(Type.String()),
  },
  closed,
);

export const ManifestSchema = Type.Object(
  {
    schema: Type.Literal("orchestrator.manifest/1"),
    run_id: Type.String(),
    stage_id: Type.String(),
    job_id: Type.String(),
    exec_id: Type.String(),
    attempt: Type.Integer(),
    fence: Type.Integer(),
    agent: Type.Object(
      {
        agent_id: Type.String(),
        version: Type.String(),
        host: Type.String(),
        pid: Type.Integer(),
        uid: Type.Integer(),
      },
      closed,
    ),
    exec_digest: Digest,
    plan_digest: Digest,
    policy_digest: Digest,
    workspace: Type.String(),
    effects: Type.String(),
    timeout_ms: Nullable(Type.Integer()),
    approval: Nullable(Type.Object({ digest: Digest, by: Type.String(), at: Time }, closed)),
    /** What the operating system enforced on all commands. */
    sandbox: Type.Object(
      {
        level: Type.Enum([...sandboxLevels]),
        /** Why it is no more; empty where there is no more. */
        why: Type.String(),
        /** Whether commands had the machine's network. */
        network: Type.Boolean(),
        /** Who the commands were. */
        uid: Type.Integer(),
      },
      closed,
    ),
    /** The limits that the exec block asks for. */
    limits: Type.Array(Type.Object({ limit: Type.String(), value: Type.Integer(), enforced: Type.Boolean() }, closed)),
    /** What held the commands. `none`: only the agent, and nothing once it was gone. */
    supervisor: Type.Union([Type.Literal("keeper"), Type.Literal("none")]),
    requires: Type.Array(
      Type.Object(
        { stage_id: Type.String(), exec_id: Nullable(Type.String()), manifest_sha256: Nullable(Digest) },
        closed,
      ),
    ),
    result: Type.Union([Type.Literal("succeeded"), Type.Literal("failed"), Type.Literal("cancelled")]),
    reason: Nullable(Reason),
    message: Type.String(),
    started_at: Time,
    ended_at: Time,
    duration_ms: Type.Integer(),
    outputs: Type.Record(Type.String(), Type.String()),
    commands: Type.Array(CommandSchema),
    /** Every file of the bundle but the manifest itself, by name. */
    files: Type.Array(FileSchema),
  },
  closed,
);
export type Manifest = Static<typeof ManifestSchema>;
export type ManifestCommand = Manifest["commands"][number];

export const MANIFEST_NAME = "manifest.json";
export const manifestText = (manifest: Manifest): string => canonicalJson(manifest);

/** `cmd-007.stdout.log` */
export const logName = (command: number, stream: "stdout" | "stderr"): string =>
  `cmd-${String(command).padStart(3, "0")}.${stream}.log`;

/** The same stream's log of the command after this one's; null where it is no log. */
export function nextLogName(name: string): string | null {
  const [, command, stream] = /^cmd-([0-9]+)\.(stdout|stderr)\.log$/.exec(name) ?? [];
  return command === undefined ? null : logName(Number(command) + 1, stream as "stdout" | "stderr");
}

/** What may be named in a bundle. Keeps paths out of every route that takes a file's name. */
export const FILE_NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$";

/** Where the bundle of an exec lies beneath the state directory. */
export const bundlePath = (run_id: string, stage_id: string, exec_id: string): string =>
  `runs/${run_id}/${stage_id}/${exec_id}`;

/** Output names, in `ORCHESTRATOR_OUTPUT` and everywhere after. */
export const OUTPUT_NAME_PATTERN = "^[A-Za-z_][A-Za-z0-9_]{0,63}$";
export const OUTPUT_BYTES_MAX = 64 * 1024;
