import { resolve } from "node:path";
import type { Io } from "./io.ts";
import { type Style, style } from "./render/style.ts";
import { shellWord } from "./render/text.ts";

/** What every command is given. */
export interface Context {
  readonly io: Io;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The state directory, absolute. */
  readonly state: string;
  /** The state directory as the person would write it. */
  readonly state_shown: string;
  readonly json: boolean;
  readonly quiet: boolean;
  /** Of `out` and of `err`: one of them may be a file. */
  readonly out_style: Style;
  readonly err_style: Style;
  /** A command line that the person can type as it stands. */
  commandLine(...words: readonly string[]): string;
  /** The command lines in a text that daemon or core wrote, as this person can type them. */
  typed(text: string): string;
}

export interface GlobalOptions {
  readonly state: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export const STATE_DEFAULT = ".orchestrator";

export function makeContext(options: GlobalOptions, { io, env, cwd }: Pick<Context, "io" | "env" | "cwd">): Context {
  const colour = !env.NO_COLOR && env.TERM !== "dumb";
  const program = programWords(env);
  const same_state = options.state === (env.ORCHESTRATOR_STATE || STATE_DEFAULT);
  const commandLine: Context["commandLine"] = (...words) =>
    [...program, ...words, ...(same_state ? [] : ["--state", options.state])].map(shellWord).join(" ");
  return {
    io,
    env,
    cwd,
    state: resolve(cwd, options.state),
    state_shown: options.state,
    json: options.json ?? false,
    quiet: options.quiet ?? false,
    out_style: style(colour && io.out_tty),
    err_style: style(colour && io.err_tty),
    commandLine,
    // a word after ours is a command only where a command line begins; what follows it stays as it stands
    typed: (text) =>
      text.replace(/(^|: |`)orchestrator ([a-z]+)/g, (_, before: string, name: string) => {
        const line = [...program, name].join(" ");
        return `${before}${same_state ? line : `${line} --state ${shellWord(options.state)}`}`;
      }),
  };
}

/**
 * `npx --no orchestrator …` is how a checkout is used: what we print must then work the same way. `npx` takes options
 * for itself up to the first word after the program, so help is `help` and not an option.
 */
export const programWords = (env: Context["env"]): readonly string[] =>
  env.npm_command === "exec" ? ["npx", "--no", "orchestrator"] : ["orchestrator"];

/** A line for people on `err`. */
export function say(context: Context, text: string): void {
  context.io.err(`${text}\n`);
}

/** A JSON document on `out`. */
export function emitJson(context: Context, value: unknown): void {
  context.io.out(`${JSON.stringify(value, null, 2)}\n`);
}
