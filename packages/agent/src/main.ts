import { appendFileSync, closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import {
  AGENT_ID_PATTERN,
  exitCode,
  exitCodes,
  parseDuration,
  problemCodes,
  ProblemError,
  version,
} from "orchestrator-core";
import { startAgent } from "./agent.ts";
import { whenLeftOversAreSettled } from "./identity.ts";
import { makeLog } from "./log.ts";
import { type AgentOptions, optionDefaults } from "./options.ts";
import { realPorts } from "./real/index.ts";
import { KEEPER } from "./real/keeper.ts";
import { findSandbox } from "./real/bwrap.ts";
import { mayCarryTokens } from "./real/transport.ts";
import type { SandboxDriver, User } from "./sandbox/sandbox.ts";

interface Flags {
  readonly daemon?: string;
  readonly agentId?: string;
  readonly tokenFile?: string;
  readonly tlsCa?: string;
  readonly slots: number;
  readonly labels: readonly string[];
  readonly state: string;
  readonly workspaceRoot?: readonly string[];
  readonly parentStdin?: boolean;
  readonly grace: number;
  readonly drain: number;
  readonly keeper: string;
  readonly secrets?: string;
  readonly sandbox: SandboxDriver;
  readonly sandboxUser?: User;
  readonly sandboxRead?: readonly string[];
  readonly log?: string;
}

const program = new Command("orchestrator-agent")
  .description("Claims jobs from the daemon, checks them again, runs their commands, writes bundles and reports.")
  .version(version)
  .exitOverride()
  .addOption(
    flag("--daemon <url>", "DAEMON", "address of the daemon (default: daemon.json in the state directory)", url),
  )
  .addOption(flag("--agent-id <id>", "AGENT_ID", "name of this agent (default: the lowest free local-N)", agentId))
  .addOption(
    flag(
      "--token-file <file>",
      "TOKEN_FILE",
      "token of this agent alone (default: tokens/agent of the state directory)",
    ),
  )
  .addOption(flag("--tls-ca <file>", "TLS_CA", "authorities that may sign the daemon's certificate (PEM)"))
  .addOption(flag("--slots <n>", "SLOTS", "commands that run at a time", slots).default(availableParallelism()))
  .addOption(flag("--labels <a,b>", "LABELS", "labels that stages may ask for", labels).default([], "none"))
  .addOption(flag("--state <dir>", "STATE", "the state directory").default(".orchestrator"))
  .addOption(
    flag(
      "--workspace-root <dir>",
      "WORKSPACE_ROOT",
      "workspaces must lie beneath it; give it again for more (default: the current directory)",
      directory,
    ),
  )
  .addOption(
    flag("--grace <duration>", "GRACE", "between SIGTERM and SIGKILL", duration).default(optionDefaults.grace_ms, "5s"),
  )
  .addOption(
    flag("--drain <duration>", "DRAIN", "how long commands may run on after a first SIGTERM", duration).default(
      optionDefaults.drain_ms,
      "10s",
    ),
  )
  .addOption(
    flag(
      "--keeper <program>",
      "KEEPER",
      "holds commands, so that nothing outlives them or this agent; `none`: no keeper",
    ).default(KEEPER, "the one that was built with this agent, if there is one"),
  )
  .addOption(flag("--secrets <dir>", "SECRETS", "where secrets lie (default: secrets in the state directory)"))
  .addOption(
    flag(
      "--sandbox <driver>",
      "SANDBOX",
      "what holds commands: `bwrap` (all of them, or they are refused), `auto` (what it can), `none`",
    )
      .choices(["auto", "bwrap", "none"])
      .default("auto"),
  )
  .addOption(
    flag("--sandbox-user <uid:gid>", "SANDBOX_USER", "who commands in a sandbox are, where the agent is root", user),
  )
  .addOption(
    flag(
      "--sandbox-read <dir>",
      "SANDBOX_READ",
      "commands in a sandbox see it, too, read-only; give it again for more",
      directory,
    ),
  )
  .addOption(flag("--log <file>", "LOG", "where to write the log, as NDJSON (default: stderr)"))
  .addOption(flag("--parent-stdin", "PARENT_STDIN", "end when stdin does: the process that holds it has gone"))
  .addHelpText("after", "\nIn the environment, several workspace roots are separated by `:`.")
  .addHelpText("after", `\nExit codes: ${[0, 2, 6, 130].map((code) => `${code} ${meaning(code)}`).join(" · ")}`);

function flag<T>(flags: string, name: string, description: string, parse?: (text: string, before: T) => T): Option {
  const option = new Option(flags, description).env(`ORCHESTRATOR_${name}`);
  return parse === undefined ? option : option.argParser(parse);
}

function url(text: string): string {
  if (URL.canParse(text) && mayCarryTokens(text)) return text;
  throw new InvalidArgumentError("It has the form https://HOST:PORT, or http://HOST:PORT on this machine.");
}

function agentId(text: string): string {
  if (new RegExp(AGENT_ID_PATTERN).test(text)) return text;
  throw new InvalidArgumentError("It has up to 64 letters, digits, dots, dashes and underscores.");
}

function slots(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 256) return count;
  throw new InvalidArgumentError("It is a whole number from 1 to 256.");
}

function labels(text: string): string[] {
  return text.split(",").filter((label) => label !== "");
}

function directory(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

function user(text: string): User {
  const [, uid, gid] = /^([1-9][0-9]{0,8}):([1-9][0-9]{0,8})$/.exec(text) ?? [];
  if (uid !== undefined && process.getuid?.() === 0) return { uid: Number(uid), gid: Number(gid) };
  if (uid === undefined) throw new InvalidArgumentError("It has the form UID:GID, two numbers, and neither is root's.");
  throw new InvalidArgumentError("Only root can start commands as somebody else.");
}

/** In the environment there is one text for several directories, parted as in PATH. */
function workspaceRoots({ workspaceRoot = ["."] }: Flags): string[] {
  const isEnv = program.getOptionValueSource("workspaceRoot") === "env";
  return (isEnv ? workspaceRoot.flatMap((text) => text.split(":")) : workspaceRoot).map((path) => resolve(path));
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms !== null) return ms;
  throw new InvalidArgumentError("It is a duration such as 500ms, 10s or 1m30s.");
}

function meaning(code: number): string {
  return Object.values(exitCodes).find((exit) => exit.code === code)?.meaning ?? "";
}

async function main(): Promise<number> {
  const flags = program.parse().opts<Flags>();
  if (flags.tokenFile !== undefined && flags.agentId === undefined) {
    program.error("error: --token-file goes with --agent-id: the token speaks for one agent");
  }
  const log = openLog(flags.log);
  const ports = realPorts(log.line, {
    keeper: flags.keeper === "none" ? null : flags.keeper,
    ca: flags.tlsCa === undefined ? null : readFileSync(flags.tlsCa, "utf8"),
  });
  const { sandbox: driver, sandboxUser = null, sandboxRead = [] } = flags;
  const workspace_roots = workspaceRoots(flags);
  const wish = { driver, user: sandboxUser, reads: sandboxRead, workspace_roots, keeper: flags.keeper };
  const sandbox = { driver, found: await findSandbox(ports.processes, wish) };
  if (driver === "bwrap" && sandbox.found.level === "none")
    program.error(`error: --sandbox bwrap: commands cannot be held here: ${sandbox.found.why}`);
  const options: AgentOptions = {
    state: resolve(flags.state),
    daemon: flags.daemon ?? null,
    agent_id: flags.agentId ?? null,
    ...(flags.tokenFile === undefined ? {} : { token_file: resolve(flags.tokenFile) }),
    secrets: resolve(flags.secrets ?? join(flags.state, "secrets")),
    slots: flags.slots,
    labels: flags.labels,
    workspace_roots,
    environment: process.env,
    grace_ms: flags.grace,
    drain_ms: flags.drain,
    sandbox,
  };
  // until it is started nothing was begun that would have to be ended
  let parentGone = (): void => process.exit(exitCode("ok"));
  if (flags.parentStdin === true) {
    process.stdin
      .on("end", () => parentGone())
      .on("error", () => parentGone())
      .resume();
  }
  if (options.agent_id !== null) {
    const { agent_id } = options;
    await whenLeftOversAreSettled(ports, options.state, agent_id, () =>
      makeLog(ports, { agent_id }).info("name_awaited", { why: "another agent settles what the last one left" }),
    );
  }
  const agent = startAgent(options, ports);
  parentGone = agent.parentGone;
  process.on("SIGTERM", agent.stop).on("SIGINT", agent.stop);
  const exit = await agent.ended;
  log.close();
  return exit;
}

function openLog(path: string | undefined): { line: (text: string) => void; close: () => void } {
  if (path === undefined) {
    // a stderr that nobody reads any more is no reason to leave commands alone
    process.stderr.on("error", () => undefined);
    return { line: (text) => void process.stderr.write(`${text}\n`), close: () => undefined };
  }
  const fd = openSync(path, "a", 0o600);
  const line = (text: string): void => {
    try {
      writeSync(fd, `${text}\n`);
    } catch {
      // a full disk: a line that is not logged must not stop the work that it speaks of
    }
  };
  return { line, close: () => closeSync(fd) };
}

function isOfTheSystem(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";
}

async function start(): Promise<never> {
  try {
    // requests may still be open; nothing more is expected of them
    return process.exit(await main());
  } catch (error) {
    if (error instanceof CommanderError) return process.exit(error.exitCode === 0 ? 0 : exitCode("usage"));
    if (isOfTheSystem(error)) {
      appendFileSync(2, `error: ${error.message}\n  hint: is --state a directory that this user may write to?\n`);
      process.exit(exitCode("usage"));
    }
    if (!(error instanceof ProblemError)) throw error;
    const [{ code, message, hint }] = error.problems;
    appendFileSync(2, `error[${code}]: ${message}\n${hint === undefined ? "" : `  hint: ${hint}\n`}`);
    process.exit(exitCode(problemCodes[code].exit));
  }
}

void start();
