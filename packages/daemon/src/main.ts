import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { Command, InvalidArgumentError, Option } from "commander";
import { exitCode, problemCodes, ProblemError, version } from "orchestrator-core";
import { type Daemon, type DaemonOptions, openDaemon } from "./daemon.ts";
import { findDaemon } from "./state.ts";

interface Flags {
  readonly listen: { readonly host: string; readonly port: number };
  readonly allowHost?: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly state: string;
  readonly db?: string;
  readonly workspaceRoot: readonly string[];
  readonly leaseMs: number;
  readonly log: string;
  readonly owner: "daemon" | "up";
  readonly parentStdin: boolean;
}

const HOLDER_WAIT_MS = 30_000;

const program = new Command("orchestrator-daemon")
  .description("Owns the graph of runs, schedules stages into jobs and serves the HTTP API.")
  .version(version)
  .addOption(
    new Option("--listen <host:port>", "address of the HTTP API; port 0 takes any free one")
      .env("ORCHESTRATOR_LISTEN")
      .default({ host: "127.0.0.1", port: 7170 }, "127.0.0.1:7170")
      .argParser(parseAddress),
  )
  .addOption(
    new Option("--tls-cert <file>", "certificate chain (PEM): needed for an address that others can reach").env(
      "ORCHESTRATOR_TLS_CERT",
    ),
  )
  .addOption(new Option("--tls-key <file>", "its private key (PEM)").env("ORCHESTRATOR_TLS_KEY"))
  .addOption(
    new Option("--allow-host <host:port>", "answer to this address, too, as a proxy has it; repeat for more")
      .env("ORCHESTRATOR_ALLOW_HOST")
      .argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), ...value.split(",")]),
  )
  .addOption(new Option("--state <dir>", "state directory").env("ORCHESTRATOR_STATE").default(".orchestrator"))
  .addOption(new Option("--db <url>", "SurrealDB URL (default: rocksdb in the state directory)").env("ORCHESTRATOR_DB"))
  .addOption(
    new Option("--workspace-root <dir>", "workspaces must lie beneath one of these; repeat for more")
      .env("ORCHESTRATOR_WORKSPACE_ROOT")
      .argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), ...value.split(":")])
      .default(undefined, "the current directory"),
  )
  .addOption(
    new Option("--lease-ms <ms>", "how long a lease holds unless renewed")
      .env("ORCHESTRATOR_LEASE_MS")
      .default(30_000)
      .argParser(parseLease),
  )
  .addOption(new Option("--log <file>", "log file, - for stderr").env("ORCHESTRATOR_LOG").default("-"))
  .addOption(new Option("--owner <who>").choices(["daemon", "up"]).default("daemon").hideHelp())
  .addOption(
    new Option("--parent-stdin", "stop when standard input ends: the process that started us holds it").default(false),
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : exitCode("usage")));

const flags = program.parse().opts<Flags>();

async function main(): Promise<never> {
  const daemon = await openWhenFree({
    state: flags.state,
    listen: flags.listen,
    workspace_roots: (flags.workspaceRoot ?? ["."]).map((root) => resolve(root)),
    lease_ms: flags.leaseMs,
    owner: flags.owner,
    log: flags.log,
    ...(flags.db === undefined ? {} : { db: flags.db }),
    ...(flags.allowHost === undefined ? {} : { allow_hosts: flags.allowHost }),
    ...(flags.tlsCert === undefined ? {} : { tls_cert: flags.tlsCert }),
    ...(flags.tlsKey === undefined ? {} : { tls_key: flags.tlsKey }),
  }).catch((error: unknown) => {
    if (error instanceof ProblemError) {
      const [{ code, message, hint }] = error.problems;
      fail(
        exitCode(problemCodes[code].exit),
        `error[${code}]: ${message}${hint === undefined ? "" : `\n  hint: ${hint}`}`,
      );
    }
    const message = error instanceof Error ? error.message : String(error);
    const of_the_system = error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";
    const hint = of_the_system
      ? `\n  hint: can this user write to the state directory ${resolve(flags.state)}, and is there room on its disk?`
      : "";
    return fail(exitCode("store_unusable"), `error: ${message}${hint}`);
  });
  // V8 would let garbage grow to three times of what is in use before it collects the old generation. Measured in a run of
  // 50,000 stages: a fourth less memory at the peak, and no difference in time. Once all is loaded: it takes no code that was
  // kept under other flags.
  setFlagsFromString("--heap-growing-percent=50");
  process.stdout.write(`orchestrator-daemon ${version} ready at ${daemon.url}\n`);

  const end = await Promise.race([
    daemon.stopped,
    new Promise<{ exit: number; reason: string }>((done) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const)
        process.once(signal, () => done({ exit: 0, reason: signal }));
      if (flags.parentStdin) process.stdin.on("end", () => done({ exit: 0, reason: "the parent is gone" })).resume();
    }),
  ]);
  if (end.exit !== 0) {
    process.stderr.write(
      `error: ${end.reason}\n  hint: nothing that was acknowledged is lost; see that its disk has room, and start it again\n`,
    );
  }
  // a store whose answer is unknown is not written to again, not even to close it in order
  if (end.exit === 0) await daemon.close();
  // a process that has loaded the database does not end by itself
  return process.exit(end.exit);
}

/**
 * Without a daemon each command opens the state directory for its own time, which is short: waits for such a one to
 * end, and says so once. One that is still loading its store does not stand in daemon.json yet.
 */
async function openWhenFree(options: DaemonOptions): Promise<Daemon> {
  const until = performance.now() + HOLDER_WAIT_MS;
  for (let said = false; ; said = true) {
    try {
      return await openDaemon(options);
    } catch (error) {
      const in_use = error instanceof ProblemError && error.problems[0].code === "state-in-use";
      const holder = findDaemon(options.state);
      if (!in_use || performance.now() > until || (holder !== null && holder.owner !== "command")) throw error;
      if (!said) {
        const who = holder === null ? "another command" : `another command (process ${holder.pid})`;
        process.stderr.write(`${who} has the state directory open for a moment: waiting for its end\n`);
      }
      await sleep(100);
    }
  }
}

function fail(code: number, text: string): never {
  process.stderr.write(`${text}\n`);
  process.exit(code);
}

function parseAddress(text: string): Flags["listen"] {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) throw new InvalidArgumentError("give HOST:PORT, as in 127.0.0.1:7170");
  return { host: match[1]!.replace(/^\[|\]$/g, ""), port };
}

function parseLease(text: string): number {
  const ms = Number(text);
  if (!Number.isInteger(ms) || ms < 300 || ms > 86_400_000)
    throw new InvalidArgumentError("give 300 to 86400000 milliseconds");
  return ms;
}

void main();
