import { type Static, Type } from "../schema.ts";
import { DURATION_PATTERN } from "../duration.ts";
import { STAGE_ID_PATTERN } from "../ids.ts";
import { SIZE_PATTERN } from "../size.ts";
import { stopSignals } from "./spec.ts";

/**
 * The workflow file, once: `check.ts` reads it to validate, editors read it as JSON Schema. Beside JSON Schema's own
 * keywords it carries annotations of ours, which the editor's form leaves out:
 *
 * - `x-noun`: what it is, for messages ("a list of commands")
 * - `x-code`, `x-code-repeated`: the problem's code where it is not `value-invalid`
 * - `x-example`: how it is written, for hints
 * - `x-rule`: a rule of `rules.ts` that goes beyond JSON Schema
 * - `x-explain`, `x-explain-key`: a sentence of `rules.ts` that says more than the general one
 * - `x-key-hints`: what to write instead of keys that other systems have here
 */
const closed = { additionalProperties: false };

export const workflowLimits = {
  text_chars_max: 32 * 1024 * 1024,
  stages_max: 100_000,
  requires_max: 100_000,
  commands_max: 1_000,
  argv_max: 4_096,
  arg_bytes_max: 128 * 1024,
  argv_bytes_max: 1024 * 1024,
  env_bytes_max: 256 * 1024,
} as const;

/** Names beginning with ORCHESTRATOR_ are the agent's own; `__proto__` is a trap in too many programs. */
export const ENV_NAME_PATTERN = "^(?!ORCHESTRATOR_|__proto__$)[A-Za-z_][A-Za-z0-9_]*$";
/** A secret is a file of this name on the agent's machine. */
export const SECRET_NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$";
const LABEL_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_.:/=-]{0,63}$";

const duration = {
  pattern: DURATION_PATTERN,
  "x-noun": "a duration",
  "x-code": "duration-invalid",
  "x-explain": "duration",
};
const Timeout = (description: string, more: object = {}) =>
  Type.String({ ...duration, description, "x-rule": "timeout", "x-example": "timeout: 10m", ...more });

const IdleTimeout = Timeout("A command that writes nothing to stdout and stderr for this long is ended.", {
  "x-example": "idle_timeout: 5m",
});
const StopSchema = Type.Object(
  {
    signal: Type.Optional(
      Type.Union(
        [
          Type.Literal("SIGTERM"),
          Type.Literal("SIGINT"),
          Type.Literal("SIGHUP"),
          Type.Literal("SIGQUIT"),
          Type.Literal("SIGUSR1"),
          Type.Literal("SIGUSR2"),
        ],
        {
          default: "SIGTERM",
          description: "What a command is sent first when it has to end. SIGKILL follows after the grace.",
          "x-noun": `one of ${stopSignals.join(", ")}`,
          "x-example": "signal: SIGINT",
        },
      ),
    ),
    grace: Type.Optional(
      Type.String({
        ...duration,
        description: "How long it then has, at most 10m. Default: the agent's own grace.",
        "x-rule": "grace",
        "x-example": "grace: 30s",
      }),
    ),
  },
  {
    ...closed,
    description: "How a command is ended: on cancel, timeout and the like.",
    "x-noun": "a mapping with `signal` and `grace`",
    "x-example": "stop: { signal: SIGINT, grace: 30s }",
  },
);

const Size = (description: string, example: string) =>
  Type.String({ pattern: SIZE_PATTERN, description, "x-noun": "a size, such as 512MiB or 2GiB", "x-example": example });

const LimitsSchema = Type.Object(
  {
    cpu_time: Type.Optional(
      Type.String({
        ...duration,
        description: "Processor time of each process, in whole seconds.",
        "x-rule": "cpu-time",
        "x-example": "cpu_time: 10m",
      }),
    ),
    memory: Type.Optional(Size("Memory of its own that each process may write to.", "memory: 2GiB")),
    processes: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        description: "Processes and threads of a command at a time. Enforced in a sandbox only.",
        "x-example": "processes: 200",
      }),
    ),
    file_size: Type.Optional(Size("What each file that they write, logs among them, may grow to.", "file_size: 1GiB")),
    open_files: Type.Optional(
      Type.Integer({
        minimum: 16,
        maximum: 1_048_576,
        description: "Files that each process may have open.",
        "x-example": "open_files: 1024",
      }),
    ),
  },
  {
    ...closed,
    description: "Limits that the operating system sets.",
    "x-noun": "a mapping of limits",
    "x-example": "limits: { memory: 2GiB, cpu_time: 10m }",
    "x-key-hints": {
      cpu: "did you mean `cpu_time`?",
      mem: "did you mean `memory`?",
      pids: "did you mean `processes`?",
    },
  },
);
export type LimitsFile = Static<typeof LimitsSchema>;

const Text = (chars_max: number, description: string, more: object = {}) =>
  Type.String({ minLength: 1, maxLength: chars_max, description, ...more });

const ArgvSchema = Type.Array(Type.String({ "x-code": "argv-invalid", "x-rule": "argv-item" }), {
  minItems: 1,
  maxItems: workflowLimits.argv_max,
  description: "The program and its arguments, one by one. No shell reads them.",
  "x-noun": "a list of strings",
  "x-code": "argv-invalid",
  "x-rule": "argv",
  "x-example": "argv: [npm, test]",
});

const CwdSchema = Type.String({
  description: "Where commands start: a path relative to the workspace and beneath it. Default: the workspace itself.",
  "x-noun": "a path",
  "x-code": "path-outside",
  "x-rule": "cwd",
  "x-example": "cwd: packages/core",
});

const EnvSchema = Type.Record(
  Type.String({ pattern: ENV_NAME_PATTERN }),
  Type.Union(
    [
      Type.String({ "x-code": "env-invalid" }),
      Type.Object(
        {
          secret: Type.String({
            pattern: SECRET_NAME_PATTERN,
            description: "The name of a secret on the agent's machine. Its value stands nowhere else.",
            "x-noun": "the name of a secret (letters, digits, _ and -, at most 64)",
            "x-example": "secret: deploy-token",
          }),
        },
        {
          ...closed,
          "x-noun": "the name of a secret",
          "x-example": "{ secret: deploy-token }",
        },
      ),
    ],
    { "x-noun": "text", "x-code": "env-invalid", "x-explain": "env-value" },
  ),
  {
    ...closed,
    description: "Environment variables that commands get beside the agent's own few. Values are text: quote numbers.",
    "x-noun": "a mapping of names to text, or to secrets",
    "x-code": "env-invalid",
    "x-explain-key": "env-name",
    "x-example": "env: { NODE_ENV: test }",
  },
);

const CommandObjectSchema = Type.Object(
  {
    argv: ArgvSchema,
    cwd: Type.Optional(CwdSchema),
    env: Type.Optional(EnvSchema),
    timeout: Type.Optional(Timeout("This command is ended after this long.")),
    idle_timeout: Type.Optional(IdleTimeout),
    stop: Type.Optional(StopSchema),
    allow_shell: Type.Optional(
      Type.Boolean({ default: false, description: "A request to start a shell. Policy answers it." }),
    ),
    allow_failure: Type.Optional(
      Type.Boolean({ default: false, description: "Go on with the next command although this one failed." }),
    ),
  },
  {
    ...closed,
    "x-noun": "a command",
    "x-key-hints": {
      run: "did you mean `argv`?",
      args: "did you mean `argv`?",
      cmd: "did you mean `argv`?",
      command: "did you mean `argv`?",
      working_directory: "did you mean `cwd`?",
      "working-directory": "did you mean `cwd`?",
      shell: "did you mean `allow_shell`?",
      "continue-on-error": "did you mean `allow_failure`?",
    },
  },
);

const CommandSchema = Type.Union([ArgvSchema, CommandObjectSchema], {
  description: "A plain list is argv; a mapping says more.",
  "x-noun": "a command",
  "x-code": "argv-invalid",
  "x-explain": "command",
  "x-example": "[npm, test]",
});

const requires = Type.Optional(
  Type.Array(Type.String({ "x-noun": "a stage id" }), {
    uniqueItems: true,
    maxItems: workflowLimits.requires_max,
    description: "Stages that must have succeeded before this one starts.",
    "x-noun": "a list of stage ids",
    "x-code-repeated": "requirement-repeated",
    "x-example": "requires: [build]",
  }),
);

/** Keys that other systems use, and what they are called here. */
const stageKeyHints = {
  needs: "did you mean `requires`?",
  depends_on: "did you mean `requires`?",
  dependsOn: "did you mean `requires`?",
  after: "did you mean `requires`?",
  run: "did you mean `exec`? It takes a list of commands: exec: [[npm, test]]",
  script: "did you mean `exec`? It takes a list of commands: exec: [[npm, test]]",
  steps: "did you mean `exec`? It takes a list of commands: exec: [[npm, test]]",
  commands: "did you mean `exec`? It takes a list of commands: exec: [[npm, test]]",
  command: "did you mean `exec`? It takes a list of commands: exec: [[npm, test]]",
  type: "did you mean `kind`?",
  environment: "did you mean `env`?",
  working_directory: "did you mean `cwd`?",
  "working-directory": "did you mean `cwd`?",
  retries: "did you mean `retry: { attempts_max: 3 }`?",
  attempts_max: "it belongs into `retry`: retry: { attempts_max: 3 }",
  backoff: "it belongs into `retry`: retry: { backoff: 2s }",
  allow_shell: "it belongs to one command: { argv: [sh, -c, …], allow_shell: true }",
  allow_failure: "it belongs to one command: { argv: […], allow_failure: true }",
  tags: "did you mean `labels`?",
};

const kinds = "`exec` or `gate`";

const ExecStageSchema = Type.Object(
  {
    kind: Type.Optional(
      Type.Literal("exec", { description: "Runs commands. The default.", "x-noun": kinds, "x-example": "kind: exec" }),
    ),
    requires,
    cwd: Type.Optional(CwdSchema),
    env: Type.Optional(EnvSchema),
    timeout: Type.Optional(Timeout("All commands of the stage together are ended after this long.")),
    idle_timeout: Type.Optional(IdleTimeout),
    stop: Type.Optional(StopSchema),
    retry: Type.Optional(
      Type.Object(
        {
          attempts_max: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 100,
              default: 1,
              description: "How many failures end the stage. 1: no retry.",
            }),
          ),
          backoff: Type.Optional(
            Type.String({
              ...duration,
              default: "1s",
              description: "How long a retry waits.",
              "x-rule": "duration",
              "x-example": "backoff: 2s",
            }),
          ),
        },
        {
          ...closed,
          "x-noun": "a mapping with `attempts_max` and `backoff`",
          "x-example": "retry: { attempts_max: 3, backoff: 2s }",
        },
      ),
    ),
    leases_lost_max: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100,
        default: 3,
        description: "How many lost leases end the stage. Spends nothing of `retry`.",
      }),
    ),
    effects: Type.Optional(
      Type.Union([Type.Literal("idempotent"), Type.Literal("once")], {
        default: "idempotent",
        description: "`once`: after a lost lease it waits for a person, and never runs again by itself.",
        "x-noun": "`idempotent` or `once`",
        "x-example": "effects: once",
      }),
    ),
    sandbox: Type.Optional(
      Type.Union([Type.Literal("none"), Type.Literal("contained")], {
        default: "none",
        description: "The least that has to hold its commands. An agent that reaches less refuses them.",
        "x-noun": "`none` or `contained`",
        "x-example": "sandbox: contained",
      }),
    ),
    network: Type.Optional(
      Type.Boolean({
        default: false,
        description: "In a sandbox its commands have no network, unless it says so.",
        "x-example": "network: true",
      }),
    ),
    limits: Type.Optional(LimitsSchema),
    labels: Type.Optional(
      Type.Array(
        Type.String({
          pattern: LABEL_PATTERN,
          "x-noun": "a label (letters, digits and _ . : / = -, at most 64, beginning with a letter or digit)",
        }),
        {
          uniqueItems: true,
          maxItems: 64,
          description: "Labels that an agent must have to be given the job.",
          "x-noun": "a list of labels",
          "x-example": "labels: [gpu]",
        },
      ),
    ),
    exec: Type.Array(CommandSchema, {
      minItems: 1,
      maxItems: workflowLimits.commands_max,
      description: "The commands, run one after the other until one fails.",
      "x-noun": "a list of commands",
      "x-explain": "exec",
      "x-example": "exec: [[npm, test]]",
    }),
  },
  {
    ...closed,
    description: "Runs commands.",
    "x-noun": "a stage",
    "x-rule": "exec-stage",
    "x-key-hints": { ...stageKeyHints, message: "a stage that waits for a person says `kind: gate`" },
  },
);

const GateStageSchema = Type.Object(
  {
    kind: Type.Literal("gate", {
      description: "Waits for a person to approve or reject.",
      "x-noun": kinds,
      "x-example": "kind: gate",
    }),
    requires,
    message: Text(4_096, "What the person is asked.", { "x-example": 'message: "Publish?"' }),
  },
  {
    ...closed,
    description: "Waits for a person.",
    "x-noun": "a gate",
    "x-key-hints": { ...stageKeyHints, exec: "a gate runs nothing: put the commands into a stage that requires it" },
  },
);

const StageSchema = Type.Union([ExecStageSchema, GateStageSchema], {
  "x-noun": "a stage",
  "x-discriminator": "kind",
});

export const WorkflowFileSchema = Type.Object(
  {
    name: Text(200, "What people call it.", {
      pattern: "^[^\\u0000-\\u001f\\u007f]*$",
      "x-noun": "one line of text",
      "x-example": "name: build-test",
    }),
    intent: Type.Optional(
      Type.Object(
        {
          goal: Type.Optional(Text(4_096, "What is true when the run has succeeded.")),
          constraints: Type.Optional(
            Type.Array(Text(4_096, "One constraint."), { maxItems: 256, description: "What must hold on the way." }),
          ),
        },
        {
          ...closed,
          description: "What the author wants, in words.",
          "x-noun": "a mapping with `goal` and `constraints`",
          "x-example": 'intent: { goal: "main builds" }',
        },
      ),
    ),
    fail_fast: Type.Optional(
      Type.Boolean({ default: false, description: "The first failed stage cancels what has not settled." }),
    ),
    stages: Type.Record(Type.String({ pattern: STAGE_ID_PATTERN }), StageSchema, {
      ...closed,
      minProperties: 1,
      maxProperties: workflowLimits.stages_max,
      description: "The graph: stages by their ids.",
      "x-noun": "a mapping of stage ids to stages",
      "x-explain": "stages",
      "x-explain-key": "stage-id",
      "x-example": "stages: { build: { exec: [[npm, test]] } }",
    }),
  },
  {
    ...closed,
    "x-noun": "a workflow",
    "x-explain": "workflow",
    "x-key-hints": { jobs: "did you mean `stages`?", tasks: "did you mean `stages`?", steps: "did you mean `stages`?" },
  },
);
export type WorkflowFile = Static<typeof WorkflowFileSchema>;
export type StageFile = WorkflowFile["stages"][string];
export type ExecStageFile = Exclude<StageFile, { kind: "gate" }>;
export type CommandFile = ExecStageFile["exec"][number];

/** For editors: draft 2020-12, without our annotations. */
export function workflowJsonSchema(): object {
  const plain: object = JSON.parse(
    JSON.stringify(WorkflowFileSchema, (key, value: unknown) => (key.startsWith("x-") ? undefined : value)),
  );
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "urn:orchestrator:workflow:1",
    title: "Orchestrator workflow",
    ...plain,
  };
}
