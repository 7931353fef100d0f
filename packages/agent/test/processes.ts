import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { NoAnswer } from "orchestrator-core";
import { onTestFinished } from "vitest";
import type { Place } from "./fixtures.ts";
import type { ScriptedDaemon } from "./scripted-daemon.ts";

/** The scripted daemon over real HTTP. What gets no answer gets its connection cut. */
export async function serve(daemon: ScriptedDaemon): Promise<string> {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString("utf8")));
    request.on("end", () => {
      const path = request.url ?? "";
      daemon.transport({ method: "POST", path, headers: {}, body, timeout_ms: 0 }).then(
        (reply) => response.writeHead(reply.status, { "content-type": "application/json" }).end(reply.body),
        (error: unknown) => {
          if (error instanceof NoAnswer) response.destroy();
          else throw error;
        },
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export interface AgentProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly stderr: () => string;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

export const BIN = join(import.meta.dirname, "..", "bin", "orchestrator-agent.cjs");

/** The built program. `wrap` goes before it: `setpriv` and the like. */
export function spawnAgent(
  place: Place,
  args: readonly string[],
  given: { readonly env?: Record<string, string>; readonly wrap?: readonly string[] } = {},
): AgentProcess {
  const argv = [...(given.wrap ?? []), process.execPath, BIN, "--state", place.state, ...args];
  const child = spawn(argv[0]!, argv.slice(1), {
    cwd: place.workspace,
    env: { PATH: process.env.PATH, ...given.env },
    stdio: ["pipe", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("utf8")));
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on("exit", (code, signal) => resolve({ code, signal }));
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  return { child, pid: child.pid!, stderr: () => stderr, exited };
}
