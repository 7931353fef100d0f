import { DURATION_PATTERN, parseDuration } from "../duration.ts";
import { refusePath } from "../path.ts";
import { flowList, quote } from "../quote.ts";
import { utf8Length } from "../utf8.ts";
import type { Check, Rules, Said } from "./check.ts";
import { type Report, found } from "./found.ts";
import { isMapping } from "./node.ts";
import { describe, subject } from "./say.ts";
import { workflowLimits } from "./schema.ts";

/** What of the workflow file JSON Schema cannot say, or cannot say well. `schema.ts` refers to these by name. */
export const workflowRules: Rules = {
  rules: {
    duration: duration(0),
    timeout: duration(1),
    grace: duration(0, 600_000),
    "cpu-time": duration(1_000),
    cwd,
    argv,
    "argv-item": argvItem,
    "exec-stage": envTogether,
  },
  explanations: {
    workflow: explainWorkflow,
    stages: explainStages,
    exec: explainExec,
    command: explainCommand,
    duration: explainDuration,
    "env-value": explainEnvValue,
    "env-name": explainEnvName,
    "stage-id": explainStageId,
  },
};

const DURATION_FORM = "a duration is whole numbers with units: 500ms, 90s, 10m, 1h30m, 2d; at most 366d";

const DURATION = new RegExp(DURATION_PATTERN);

function duration(least_ms: number, most_ms = Number.POSITIVE_INFINITY): Check {
  return (value, path, report) => {
    if (typeof value !== "string") return;
    const ms = parseDuration(value);
    // The wrong form is the pattern's to report; what is left are those too long and too short.
    if (ms === null ? !DURATION.test(value) : ms >= least_ms && ms <= most_ms) return;
    const isLong = ms === null || ms > most_ms;
    const message = `${subject(path)} is ${quote(value)}, which is too ${isLong ? "long" : "short"}`;
    const least = least_ms < 1_000 ? `${least_ms}ms` : `${least_ms / 1_000}s`;
    const bound = isLong ? `write at most ${most_ms / 60_000}m` : `write at least ${least}, or leave it out`;
    report(found("duration-invalid", path, message, ms === null ? DURATION_FORM : bound));
  };
}

function explainDuration(value: unknown): Said {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) {
    return { message: `the number ${value} is no duration: it has no unit`, hint: `did you mean \`${value}s\`?` };
  }
  return { message: `${describe(value)} is no duration`, hint: DURATION_FORM };
}

function cwd(value: unknown, path: string, report: Report): void {
  // a NUL is the schema's to report
  if (typeof value !== "string" || value.includes("\0")) return;
  const refused = refusePath(value);
  if (refused === null) return;
  const shown = value === "" ? "" : `: ${quote(value)}`;
  report(found("path-outside", path, `\`cwd\` ${refused.why}${shown}`, refused.hint));
}

function argv(value: unknown, path: string, report: Report): void {
  if (!Array.isArray(value)) return;
  if (value[0] === "") {
    report(found("argv-invalid", `${path}/0`, "the program's name is empty", "the first string names the program"));
  }
  const bytes = value.reduce<number>((sum, arg) => sum + (typeof arg === "string" ? utf8Length(arg) + 1 : 0), 0);
  if (bytes > workflowLimits.argv_bytes_max) {
    const message = `the command has ${bytes} bytes; at most ${workflowLimits.argv_bytes_max} are taken`;
    report(found("argv-invalid", path, message, "hand long input over in a file"));
  }
}

function argvItem(value: unknown, path: string, report: Report): void {
  if (typeof value !== "string" || value.length * 3 <= workflowLimits.arg_bytes_max) return;
  const bytes = utf8Length(value);
  if (bytes <= workflowLimits.arg_bytes_max) return;
  const message = `${subject(path)} has ${bytes} bytes; at most ${workflowLimits.arg_bytes_max} are taken`;
  report(found("argv-invalid", path, message, "hand long input over in a file"));
}

/** A command gets the stage's variables and its own, so only together are they too large. */
function envTogether(value: unknown, path: string, report: Report): void {
  if (!isMapping(value)) return;
  const shared = isMapping(value["env"]) ? value["env"] : {};
  const sharedBytes = envBytes(shared, {});
  if (sharedBytes > workflowLimits.env_bytes_max) {
    report(found("env-invalid", `${path}/env`, tooLarge(sharedBytes), ENV_HINT));
    return;
  }
  if (!Array.isArray(value["exec"])) return;
  for (const [i, command] of value["exec"].entries()) {
    if (!isMapping(command) || !isMapping(command["env"])) continue;
    const bytes = envBytes(shared, command["env"]) + envBytes(command["env"], {});
    if (bytes > workflowLimits.env_bytes_max)
      report(found("env-invalid", `${path}/exec/${i}/env`, tooLarge(bytes), ENV_HINT));
  }
}

const ENV_HINT = "hand long input over in a file";
const tooLarge = (bytes: number): string =>
  `a command's environment has ${bytes} bytes; at most ${workflowLimits.env_bytes_max} are taken`;

function envBytes(env: Readonly<Record<string, unknown>>, without: Readonly<Record<string, unknown>>): number {
  let bytes = 0;
  for (const [name, text] of Object.entries(env)) {
    if (Object.hasOwn(without, name)) continue;
    if (typeof text === "string") bytes += utf8Length(name) + utf8Length(text) + 2;
  }
  return bytes;
}

function explainWorkflow(value: unknown): Said {
  const hint = "a small workflow: { name: hello, stages: { hello: { exec: [[echo, hello]] } } }";
  if (value === null || value === undefined) return { message: "the file is empty", hint };
  return { message: `a workflow is a mapping, and this is ${describe(value)}`, hint };
}

function explainStages(value: unknown): Said | null {
  const hint = "write stages by their ids: stages: { build: { exec: [[npm, test]] } }";
  if (Array.isArray(value)) return { message: "`stages` is a list; it takes a mapping of stage ids to stages", hint };
  if (value === null || (isMapping(value) && Object.keys(value).length === 0)) {
    return { message: "`stages` is empty: there is nothing to run", hint };
  }
  return null;
}

function explainExec(value: unknown): Said | null {
  if (typeof value === "string") {
    return {
      message: `\`exec\` takes a list of commands, and this is one string: ${quote(value)}`,
      hint: `write ${block(value)}`,
    };
  }
  // [npm, ci] for [[npm, ci]]: one slip, so one problem. With a blank in a string it is a list of shell lines instead.
  if (Array.isArray(value) && value.length > 0 && value.every((v) => typeof v === "string" && !/\s/.test(v))) {
    const words = flowList(value as string[]);
    return {
      message: `\`exec\` takes a list of commands, and this is one command: ${words}`,
      hint: `write exec: [${words}]`,
    };
  }
  return null;
}

function explainCommand(value: unknown): Said | null {
  if (typeof value !== "string") return null;
  return {
    message: `${quote(value)} is one string; a command is a list of strings`,
    hint: `write ${commandFor(value)}`,
  };
}

/** What a shell would have made of the line. Words without quotes and operators can be split here; the rest wants a shell. */
const SHELL_SYNTAX = /[|&;<>()$`"'\\*?[\]{}~#\n!]/;
const wordsOf = (line: string): string[] => line.trim().split(/\s+/);
const commandFor = (line: string): string =>
  SHELL_SYNTAX.test(line)
    ? `each word on its own, as in [ls, -l]; for a shell line: { argv: ${flowList(["sh", "-c", line])}, allow_shell: true }`
    : flowList(wordsOf(line));
const block = (line: string): string =>
  SHELL_SYNTAX.test(line) ? commandFor(line) : `exec: [${flowList(wordsOf(line))}]`;

function explainEnvValue(value: unknown): Said | null {
  if (typeof value !== "number" && typeof value !== "boolean") return null;
  const message = `an environment variable is text, and this is ${describe(value)}`;
  return { message, hint: "put quotes round it, so that it stays exactly as written" };
}

function explainEnvName(value: unknown): Said {
  const name = String(value);
  if (name.startsWith("ORCHESTRATOR_")) {
    const message = `${quote(name)} begins with ORCHESTRATOR_, and those names are set by the agent`;
    return { message, hint: "choose another name" };
  }
  const hint = "a name has letters, digits and _, and does not begin with a digit; `__proto__` is not taken";
  return { message: `${quote(name)} is no name of an environment variable`, hint };
}

function explainStageId(value: unknown): Said {
  const id = String(value);
  const mended = id
    .trim()
    .replaceAll(/[^A-Za-z0-9_-]+/g, "-")
    .replace(/^[^A-Za-z]+/, "")
    .slice(0, 64);
  const hint = mended === "" ? "" : `, as in \`${mended}\``;
  const form = `a stage id is a letter and then up to 63 letters, digits, _ or -${hint}`;
  if (id.includes(".")) {
    return {
      code: "stage-id-invalid",
      message: `${quote(id)} has a dot, and the dot is reserved for generated stages`,
      hint: form,
    };
  }
  return { code: "stage-id-invalid", message: `${quote(id)} is not a stage id`, hint: form };
}
