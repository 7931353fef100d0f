import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { type ExitName, exitCode, version } from "orchestrator-core";
import { type Context, type GlobalOptions, makeContext, programWords, STATE_DEFAULT } from "./context.ts";
import type { Io } from "./io.ts";
import { showFailure } from "./render/problem.ts";

/** What a process has around it. */
export interface Surroundings {
  readonly io: Io;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** Runs one command line and returns its exit code. Ends nothing: main.ts does. */
export async function runCli(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  let code = exitCode("ok");
  const program = makeProgram(surroundings, (exit) => {
    code = exit;
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    // commander has said what is wrong
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode("ok") : exitCode("usage");
    throw error;
  }
}

const RUN_HELP = "\nRUN is a run's number, its id, at least 4 characters of the id's end or beginning, or `latest`.";

type Run<T extends unknown[]> = (context: Context, ...words: T) => Promise<ExitName>;

/**
 * The command line, whole. Commands are loaded when they are called: `validate` and its like start without what
 * talks to daemons, and only a command that needs a database of its own ever loads it.
 */
function makeProgram({ io, env, cwd }: Surroundings, ended: (code: number) => void): Command {
  const action =
    <T extends unknown[]>(load: () => Promise<Run<T>>) =>
    async (...given: unknown[]): Promise<void> => {
      // commander calls with the arguments, the options and the command
      const command = given.at(-1) as Command;
      const words = given.slice(0, -1) as T;
      const context = makeContext(command.optsWithGlobals<GlobalOptions>(), { io, env, cwd });
      try {
        ended(exitCode(await (await load())(context, ...words)));
      } catch (error) {
        const file = given.length > 2 && typeof words[0] === "string" ? words[0] : null;
        ended(showFailure(context, error, file));
      }
    };

  const called = programWords(env).join(" ");
  const program = new Command("orchestrator")
    .description("Runs graphs of real commands on machines you own, and proves afterwards what ran.")
    .version(version, "--version", "print the version")
    .option("--state <dir>", "state directory", env.ORCHESTRATOR_STATE || STATE_DEFAULT)
    .addOption(new Option("--daemon <url>", "a daemon elsewhere, instead of the state directory's").argParser(address))
    .option("--token-file <file>", "token to use (default: ORCHESTRATOR_TOKEN, else the state directory's)")
    .option("--tls-ca <file>", "authorities that may sign a daemon's certificate (PEM)")
    .option("--json", "data as JSON on stdout")
    .option("--quiet", "no progress on stderr")
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      getOutHelpWidth: () => 100,
      getErrHelpWidth: () => 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .showHelpAfterError(`  hint: ${called} help, or ${called} help COMMAND`)
    .exitOverride();
  const command = (usage: string, description: string): Command => {
    // settings like exitOverride are inherited from the program
    const made = program.command(usage).description(description);
    return /^run |<run/.test(usage) ? made.addHelpText("after", RUN_HELP) : made;
  };

  const withSandbox = (made: Command): Command =>
    made
      .addOption(
        new Option("--sandbox <driver>", "what holds commands: bwrap (all, or they are refused), auto, none").choices([
          "auto",
          "bwrap",
          "none",
        ]),
      )
      .option("--sandbox-user <uid:gid>", "who commands in a sandbox are, where you are root")
      .option("--sandbox-read <dir>", "commands in a sandbox see it, too, read-only; repeat for more", gather);

  withSandbox(command("run [file]", "run a workflow and watch it to its end"))
    .option("--continue <run>", "go on with a run instead")
    .option("--detach", "submit to the running daemon, print the run's id and return")
    .option("--workspace <dir>", "directory in which commands work (default: the current one)")
    .option("--slots <n>", "commands at the same time (default: one per processor)", positive)
    .addHelpText("after", "\nCtrl-C cancels the run and waits for its end; a second Ctrl-C stops waiting.")
    .action(action(async () => (await import("./commands/run.ts")).run));
  withSandbox(command("up", "keep a daemon and its agents up, in the foreground"))
    .option("--listen <host:port>", "address of the HTTP API (default: 127.0.0.1:7170)")
    .option("--tls-cert <file>", "certificate chain (PEM): needed for an address that others can reach")
    .option("--tls-key <file>", "its private key (PEM)")
    .option("--allow-host <host:port>", "answer to this address, too, as a proxy has it; repeat for more", gather)
    .option("--db <url>", "SurrealDB URL (default: rocksdb in the state directory)")
    .option("--agents <n>", "agents to start", positive, 1)
    .option("--slots <n>", "commands at the same time, per agent (default: one per processor, shared out)", positive)
    .option("--workspace-root <dir>", "workspaces must lie beneath one of these; repeat for more", gather)
    .action(action(async () => (await import("./commands/up.ts")).up));
  command("stop", "stop the running daemon, and what `up` started with it").action(
    action(async () => (await import("./commands/stop.ts")).stop),
  );
  command("validate <file>", "say everything that is wrong with a workflow file").action(
    action(async () => (await import("./commands/validate.ts")).validate),
  );
  command("plan <file>", "show each command with its verdict, and the digests; run nothing").action(
    action(async () => (await import("./commands/plan.ts")).plan),
  );
  const policy = command("policy", "ask policy about commands");
  policy
    .command("explain <program...>")
    .description("say what policy makes of a command and what to change: orchestrator policy explain -- CMD…")
    .option("--env <name=value>", "with this variable; repeat for more", gather)
    .option("--cwd <dir>", "in this directory beneath the workspace", ".")
    .option("--allow-shell", "with `allow_shell: true`")
    .addOption(new Option("--as <role>", "whose command it is").choices(["operator", "proposer"]).default("operator"))
    .action(action(async () => (await import("./commands/policy.ts")).explain));
  policy
    .command("test <file>")
    .description("read a policy file, and try the examples of its rules")
    .option("--project", "as a project's file, which can only narrow")
    .action(action(async () => (await import("./commands/policy.ts")).test));
  command("schema", "print the JSON Schema of a workflow file, for editors").action(
    action(async () => (await import("./commands/schema.ts")).schema),
  );
  command("ls", "list runs, newest first")
    .option("--limit <n>", "how many", positive, 20)
    .option("--all", "all of them")
    .action(action(async () => (await import("./commands/ls.ts")).ls));
  command("show <run>", "show a run, its stages and what it waits for").action(
    action(async () => (await import("./commands/show.ts")).show),
  );
  command("logs <run> [stage]", "print what the commands of the latest execs wrote")
    .option("-f, --follow", "go on while they write")
    .option("--exec <id>", "of this exec of the stage")
    .addOption(new Option("--stream <name>", "only this one").choices(["stdout", "stderr"]))
    .option("--raw", "control characters as they are, also on a terminal")
    .action(action(async () => (await import("./commands/logs.ts")).logs));
  command("why <run> <stage>", "say why a stage is in its state").action(
    action(async () => (await import("./commands/why.ts")).why),
  );
  command("approve <run> [stage]", "answer yes to what a run asks a person")
    .option("--note <text>", "why, for the record")
    .option("--all", "all open questions of the run")
    .addOption(
      new Option("--as <decision>", "after a lost lease: what became of the stage").choices([
        "retry",
        "mark_succeeded",
        "mark_failed",
      ]),
    )
    .action(action(async () => (await import("./commands/decide.ts")).approve));
  command("reject <run> [stage]", "answer no")
    .option("--note <text>", "why, for the record")
    .option("--all", "all open questions of the run")
    .action(action(async () => (await import("./commands/decide.ts")).reject));
  command("cancel <run>", "start nothing more of a run, end what runs")
    .option("--note <text>", "why, for the record")
    .action(action(async () => (await import("./commands/steer.ts")).cancel));
  command("retry <run>", "open a failed or cancelled run again").action(
    action(async () => (await import("./commands/steer.ts")).retry),
  );
  command("freeze", "grant no more leases, until `unfreeze`; what runs goes on")
    .option("--note <text>", "why, for the record")
    .option("--cancel", "cancel the runs of which something is running")
    .action(action(async () => (await import("./commands/freeze.ts")).freeze));
  command("unfreeze", "grant leases again").action(action(async () => (await import("./commands/freeze.ts")).unfreeze));
  command("verify <run-or-dir>", "check bundles, byte by byte; works without a daemon")
    .option("--offline", "do not compare with the journal")
    .action(action(async () => (await import("./commands/verify.ts")).verify));
  command("query <surql>", "read the records with SurrealQL").action(
    action(async () => (await import("./commands/query.ts")).query),
  );
  command("rebuild", "make the records anew from the journal").action(
    action(async () => (await import("./commands/rebuild.ts")).rebuild),
  );
  command("backup <file>", "write everything but the bundles into a new file, also while the daemon runs").action(
    action(async () => (await import("./commands/backup.ts")).backup),
  );
  command("restore <file>", "make the store of a state directory that has none from a backup").action(
    action(async () => (await import("./commands/restore.ts")).restore),
  );
  const token = command("token", "make, revoke and list tokens: viewer, proposer, approver, operator, admin, agent");
  token
    .command("create <role> <name>")
    .description("make a token, and print it once; for an agent NAME is its id")
    .action(action(async () => (await import("./commands/token.ts")).create));
  token
    .command("revoke <role> <name>")
    .description("take a token back")
    .action(action(async () => (await import("./commands/token.ts")).revoke));
  token
    .command("ls")
    .description("list roles and names")
    .action(action(async () => (await import("./commands/token.ts")).list));
  const secret = command("secret", "set, list and remove secrets of this machine's agents");
  secret
    .command("set <name>")
    .description("take the value from stdin; a workflow names it: env: { TOKEN: { secret: NAME } }")
    .action(action(async () => (await import("./commands/secret.ts")).set));
  secret
    .command("ls")
    .description("list names")
    .action(action(async () => (await import("./commands/secret.ts")).list));
  secret
    .command("rm <name>")
    .description("remove one")
    .action(action(async () => (await import("./commands/secret.ts")).remove));
  command("audit", "check the audit log")
    .command("verify")
    .description("check every entry of the audit log; works without a daemon")
    .option("--head <seq:hash>", "this entry must be among them: a head that was printed earlier")
    .action(action(async () => (await import("./commands/audit.ts")).verify));
  command("version", "print the version").action(action(async () => (await import("./commands/version.ts")).version));
  return program.addHelpText("after", RUN_HELP);
}

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 10_000)
    throw new InvalidArgumentError("give a whole number from 1.");
  return number;
}

function address(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new InvalidArgumentError("give https://HOST:PORT, or http://HOST:PORT on this machine.");
}

const gather = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];
