import { type ChildProcess, spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type ExitName, exitCode, exitCodes } from "orchestrator-core";
import { findDaemon, findSupervisor, prepareState } from "orchestrator-daemon/state";
import { type Context, say } from "../context.ts";
import { problemError } from "../errors.ts";
import { AGENT_LOG, type SandboxFlags, startAgent } from "../local/agent.ts";
import { programFile } from "../local/program.ts";
import { type ChildEnd, endedForGood, endText, type Supervised, supervise } from "../local/supervise.ts";
import { plural } from "../render/text.ts";

export interface UpOptions extends SandboxFlags {
  readonly listen?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly allowHost?: readonly string[];
  readonly db?: string;
  readonly slots?: number;
  readonly agents: number;
  readonly workspaceRoot?: readonly string[];
}

/** Keeps a daemon and its agents up, in the foreground, until it is told to stop. */
export async function up(context: Context, options: UpOptions): Promise<ExitName> {
  checkFree(context);
  prepareState(context.state);
  const roots = options.workspaceRoot ?? [context.cwd];
  const daemon = startDaemon(context, options, roots);
  const stop_asked = new Promise<"stop">((resolve) => {
    let count = 0;
    context.io.onInterrupt(() => {
      count++;
      if (count === 1) resolve("stop");
      else for (const one of [...agents, daemon.supervised]) one.hurry();
    });
  });
  const agents: Supervised[] = [];
  const first = await Promise.race([daemon.ready, daemon.supervised.ended, stop_asked]);
  if (first === "ready") {
    const slots = options.slots ?? Math.max(1, Math.floor(availableParallelism() / options.agents));
    for (let i = 0; i < options.agents; i++) {
      agents.push(
        startAgent(context, { slots, workspace_roots: roots, sandbox: options, say: (text) => say(context, text) }),
      );
    }
    say(
      context,
      `${plural(options.agents, "agent")} with ${plural(slots, "slot")}${options.agents > 1 ? " each" : ""}`,
    );
    say(context, `logs: ${context.state_shown}/daemon.log, ${context.state_shown}/${AGENT_LOG}`);
    say(context, `stop with Ctrl-C, or from elsewhere: ${context.commandLine("stop")}`);
  }
  const failed = Promise.race(agents.map(async (agent) => ({ agent, end: await agent.ended })));
  const ended = await Promise.race([stop_asked, daemon.supervised.ended, ...(agents.length > 0 ? [failed] : [])]);

  // agents first, so that they can hand back what they hold to a daemon that still answers
  if (ended === "stop") say(context, "stopping: agents end their commands first (Ctrl-C again: at once)");
  await Promise.all(agents.map((agent) => agent.stop()));
  const last = await daemon.supervised.stop();
  if (ended === "stop") return "ok";
  if ("agent" in ended) {
    say(context, `an agent ended (${endText(ended.end)}): see ${context.state_shown}/${AGENT_LOG}`);
    return exitNamed(ended.end);
  }
  if (last.code !== 0) say(context, `the daemon ended (${endText(last)}): see ${context.state_shown}/daemon.log`);
  return exitNamed(last);
}

/** Throws where somebody keeps the state directory. The daemon itself waits for commands that have it for a moment. */
function checkFree(context: Context): void {
  const found = findDaemon(context.state);
  const supervisor = findSupervisor(context.state);
  if (supervisor === null && (found === null || found.owner === "command")) return;
  const where = found === null ? "" : ` and answers at ${found.url}`;
  throw problemError(
    "state-in-use",
    `${supervisor === null ? "" : "`orchestrator up`, "}process ${(supervisor ?? found!).pid}, owns ${context.state_shown}${where}`,
    found?.owner === "run"
      ? `it ends with its run; or stop it now: ${context.commandLine("stop")}`
      : `it serves every command here; to end it: ${context.commandLine("stop")}`,
  );
}

/** The daemon as a child process. `ready` resolves when it first listens; one that never does is not started again. */
function startDaemon(
  context: Context,
  options: UpOptions,
  roots: readonly string[],
): { readonly supervised: Supervised; readonly ready: Promise<"ready"> } {
  const words = [
    programFile("orchestrator-daemon"),
    "--state",
    context.state,
    "--owner",
    "up",
    "--log",
    join(context.state, "daemon.log"),
    ...(options.listen === undefined ? [] : ["--listen", options.listen]),
    ...(options.tlsCert === undefined ? [] : ["--tls-cert", options.tlsCert]),
    ...(options.tlsKey === undefined ? [] : ["--tls-key", options.tlsKey]),
    ...(options.allowHost ?? []).flatMap((host) => ["--allow-host", host]),
    ...(options.db === undefined ? [] : ["--db", options.db]),
    ...roots.flatMap((root) => ["--workspace-root", root]),
  ];
  let was_ready = false;
  let resolveReady: (ready: "ready") => void = () => {};
  const ready = new Promise<"ready">((resolve) => {
    resolveReady = resolve;
  });
  const start = (): ChildProcess => {
    // a group of its own: Ctrl-C is for us, and we stop it after its agents
    const child = spawn(process.execPath, words, {
      cwd: context.cwd,
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    createInterface({ input: child.stdout! }).on("line", (line) => {
      say(context, line);
      was_ready = true;
      if (context.json) context.io.out(`${JSON.stringify({ type: "ready", pid: child.pid, message: line })}\n`);
      resolveReady("ready");
    });
    return child;
  };
  const supervised = supervise({
    name: "daemon",
    start,
    isFinal: (end) => !was_ready || endedForGood(end),
    onRestart: (end, delay_ms) => say(context, `the daemon died (${endText(end)}) and starts again in ${delay_ms} ms`),
  });
  return { supervised, ready };
}

/** The name of a child's exit code, where our table has it. */
function exitNamed({ code }: ChildEnd): ExitName {
  const names = Object.keys(exitCodes) as ExitName[];
  return names.find((name) => exitCode(name) === code) ?? "store_unusable";
}
