import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { prepareState } from "orchestrator-daemon/state";
import type { Context } from "../context.ts";
import { programFile } from "./program.ts";
import { type Supervised, supervise } from "./supervise.ts";

/** As they are given to `run` and `up`, for the agent to read. */
export interface SandboxFlags {
  readonly sandbox?: string;
  readonly sandboxUser?: string;
  readonly sandboxRead?: readonly string[];
}

export interface AgentOptions {
  /** Commands at the same time. Null: one per processor. */
  readonly slots: number | null;
  readonly workspace_roots: readonly string[];
  readonly sandbox: SandboxFlags;
  readonly say: (text: string) => void;
}

/** Where local agents log, beneath the state directory. */
export const AGENT_LOG = "agent.log";

/**
 * Starts a local agent and keeps it alive. It finds the daemon by itself as soon as there is one, so it can be
 * started before: a small process forks faster. When this process is gone, its stdin ends, and so does it.
 */
export function startAgent(context: Context, { slots, workspace_roots, sandbox, say }: AgentOptions): Supervised {
  prepareState(context.state);
  const words = [
    programFile("orchestrator-agent"),
    "--state",
    context.state,
    "--slots",
    String(slots ?? availableParallelism()),
    ...workspace_roots.flatMap((root) => ["--workspace-root", root]),
    ...(sandbox.sandbox === undefined ? [] : ["--sandbox", sandbox.sandbox]),
    ...(sandbox.sandboxUser === undefined ? [] : ["--sandbox-user", sandbox.sandboxUser]),
    ...(sandbox.sandboxRead ?? []).flatMap((path) => ["--sandbox-read", resolve(context.cwd, path)]),
    "--parent-stdin",
  ];
  return supervise({
    name: "agent",
    start: () => {
      const log = openSync(join(context.state, AGENT_LOG), "a", 0o600);
      try {
        // a group of its own: Ctrl-C is for us, and we tell it in our order
        return spawn(process.execPath, words, { cwd: context.cwd, stdio: ["pipe", log, log], detached: true });
      } finally {
        closeSync(log);
      }
    },
    onRestart: (_end, delay_ms) =>
      say(`the local agent died and starts again in ${delay_ms} ms (see ${context.state_shown}/${AGENT_LOG})`),
  });
}

/** The last lines that agents logged, for a message. */
export function agentLogTail(context: Context, lines: number): string {
  try {
    return readFileSync(join(context.state, AGENT_LOG), "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  } catch {
    return "";
  }
}
