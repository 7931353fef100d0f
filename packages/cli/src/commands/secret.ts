import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { flawOfSecret } from "orchestrator-agent";
import { type ExitName, SECRET_NAME_PATTERN } from "orchestrator-core";
import { prepareState } from "orchestrator-daemon/state";
import { type Context, emitJson } from "../context.ts";
import { CommandError, usageError } from "../errors.ts";
import { plural } from "../render/text.ts";

/**
 * Secrets are files of the agent's machine, one each, which nobody else may read. The daemon never has them: what a
 * workflow names is looked up by the agent just before a command starts.
 */
const directoryOf = (context: Context): string => join(context.state, "secrets");

/** Takes the value from stdin, so that it stands in no history of commands and no list of processes. */
export function set(context: Context, name: string): Promise<ExitName> {
  checkName(name);
  if (context.io.can_ask) context.io.err(`the value of \`${name}\`, then Ctrl-D on a line of its own:\n`);
  // what a terminal or `echo` puts at the end is no part of it
  const value = readFileSync(0)
    .toString("latin1")
    .replace(/\r?\n$/, "");
  const bytes = Buffer.from(value, "latin1");
  const flaw = flawOfSecret(bytes);
  if (flaw !== null) throw new CommandError("invalid", `the value ${flaw}`, null);
  prepareState(context.state);
  const directory = directoryOf(context);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const draft = join(directory, `.${name}.${process.pid}`);
  try {
    writeFileSync(draft, bytes, { mode: 0o600, flag: "wx" });
    renameSync(draft, join(directory, name));
  } finally {
    rmSync(draft, { force: true });
  }
  if (context.json) emitJson(context, { secret: name, bytes: bytes.length });
  else context.io.out(`the secret ${name} is set (${plural(bytes.length, "byte")})\n`);
  return Promise.resolve("ok");
}

export function list(context: Context): Promise<ExitName> {
  const secrets = namesIn(directoryOf(context));
  if (context.json) emitJson(context, { secrets });
  else context.io.out(secrets.map((name) => `${name}\n`).join(""));
  return Promise.resolve("ok");
}

export function remove(context: Context, name: string): Promise<ExitName> {
  checkName(name);
  const names = namesIn(directoryOf(context));
  if (!names.includes(name)) {
    const there = names.length === 0 ? "there is none" : `there are ${names.join(", ")}`;
    throw new CommandError("not_found", `there is no secret ${name} in ${context.state_shown}`, there);
  }
  rmSync(join(directoryOf(context), name));
  if (context.json) emitJson(context, { secret: name, removed: true });
  else context.io.out(`the secret ${name} is gone\n`);
  return Promise.resolve("ok");
}

const NAME = new RegExp(SECRET_NAME_PATTERN);

function checkName(name: string): void {
  if (!NAME.test(name))
    throw usageError(`\`${name}\` is no name of a secret`, "it has up to 64 letters, digits, _ and -");
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => NAME.test(name))
      .sort();
  } catch {
    return [];
  }
}
