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
  readonly access: Access;
  readonly json: boolean;
  readonly quiet: boolean;
  /** The person wants colours, where there is a terminal. */
  readonly colour: boolean;
  /** Of `out` and of `err`: one of them may be a file. */
  readonly out_style: Style;
  readonly err_style: Style;
  /** A command line that the person can type as it stands. */
  commandLine(...words: readonly string[]): string;
  /** The command lines in a text that daemon or core wrote, as this person can type them. */
  typed(text: string): string;
}

/** How daemons are reached, where that is not left to the state directory. */
export interface Access {
  /** Address of a daemon elsewhere. */
  readonly daemon: string | null;
  readonly token_file: string | null;
  /** The token itself, from the environment: never from the command line, which others can read. */
  readonly token: string | null;
  readonly tls_ca: string | null;
}

export interface GlobalOptions {
  readonly state: string;
  readonly daemon?: string;
  readonly tokenFile?: string;
  readonly tlsCa?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export const STATE_DEFAULT = ".orchestrator";

export function makeContext(options: GlobalOptions, { io, env, cwd }: Pick<Context, "io" | "env" | "cwd">): Context {
  const colour = !env.NO_COLOR && env.TERM !== "dumb";
  const program = programWords(env);
  const same_state = options.state === (env.ORCHESTRATOR_STATE || STATE_DEFAULT);
  const where = [
    ...(same_state ? [] : ["--state", options.state]),
    ...(options.daemon === undefined ? [] : ["--daemon", options.daemon]),
    ...(options.tokenFile === undefined ? [] : ["--token-file", options.tokenFile]),
    ...(options.tlsCa === undefined ? [] : ["--tls-ca", options.tlsCa]),
  ];
  return {
    io,
    env,
    cwd,
    state: resolve(cwd, options.state),
    state_shown: options.state,
    access: {
      daemon: options.daemon ?? null,
      token_file: options.tokenFile === undefined ? null : resolve(cwd, options.tokenFile),
      token: env.ORCHESTRATOR_TOKEN || null,
      tls_ca: options.tlsCa === undefined ? null : resolve(cwd, options.tlsCa),
    },
    json: options.json ?? false,
    quiet: options.quiet ?? false,
    colour,
    out_style: style(colour && io.out_tty),
    err_style: style(colour && io.err_tty),
    commandLine: (...words) => [...program, ...words, ...where].map(shellWord).join(" "),
    // a word after ours is a command only where a command line begins; what follows it stays as it stands
    typed: (text) =>
      text.replace(
        /(^|: |`)orchestrator ([a-z]+)/g,
        (_, before: string, name: string) => `${before}${[...program, name, ...where].map(shellWord).join(" ")}`,
      ),
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
