import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeTree } from "./remove-tree.ts";
import type { Recorded, RunView } from "orchestrator-core";

const root = join(import.meta.dirname, "..");
const bin = (name: "daemon" | "agent"): string => join(root, "packages", name, "bin", `orchestrator-${name}.cjs`);
/** The command, as a program. */
export const cliBin = join(root, "packages/cli/bin/orchestrator.cjs");

/** A command that is a shell script of the workspace, and says so. */
export const script = (name: string, ...args: readonly string[]) => ({
  argv: [`./${name}`, ...args],
  allow_shell: true,
});

/** Appends to the workspace's `evidence` when it begins and when it ends. */
export const mark = script("mark");

/** A real daemon and real agents on a state directory of their own, to be killed and started again. */
export class Cluster {
  readonly directory = mkdtempSync(join(tmpdir(), "cluster-"));
  readonly state = join(this.directory, "state");
  readonly workspace = join(this.directory, "workspace");
  readonly evidence = join(this.workspace, "evidence");
  daemon: ChildProcess | null = null;
  agents: (ChildProcess | null)[] = [];
  url = "";

  constructor() {
    mkdirSync(this.workspace);
    writeFileSync(this.evidence, "");
    const script = join(this.workspace, "mark");
    // appends in one write each, so that lines of many processes do not mix
    writeFileSync(
      script,
      '#!/bin/sh\necho "start $ORCHESTRATOR_EXEC_ID $ORCHESTRATOR_STAGE_ID" >> evidence\necho "end $ORCHESTRATOR_EXEC_ID $ORCHESTRATOR_STAGE_ID" >> evidence\n',
    );
    chmodSync(script, 0o755);
  }

  async startDaemon(flags: readonly string[] = []): Promise<void> {
    const { child, ready } = this.spawnDaemon(flags);
    if (await ready) return;
    throw new Error(`the daemon ended with ${child.exitCode ?? child.signalCode} before it was ready`);
  }

  /** Starts a daemon and waits for nothing. `ready`: it is, or it ended before. */
  spawnDaemon(flags: readonly string[] = []): { child: ChildProcess; ready: Promise<boolean> } {
    const child = spawn(
      process.execPath,
      [bin("daemon"), "--listen", "127.0.0.1:0", "--state", this.state, "--workspace-root", this.workspace, ...flags],
      { cwd: this.workspace, stdio: ["ignore", "pipe", "ignore"] },
    );
    this.daemon = child;
    const said = once(child.stdout, "data").then(([line]) => {
      this.url = /ready at (\S+)/.exec(String(line))![1]!;
      return true;
    });
    return { child, ready: Promise.race([said, once(child, "exit").then(() => false)]) };
  }

  startAgent(index: number, flags: readonly string[] = []): void {
    this.agents[index] = spawn(
      process.execPath,
      [
        bin("agent"),
        "--state",
        this.state,
        "--workspace-root",
        this.workspace,
        "--agent-id",
        `a${index}`,
        "--log",
        this.agentLog(index),
        ...flags,
      ],
      { cwd: this.workspace, stdio: "ignore" },
    );
  }

  agentLog = (index: number): string => join(this.directory, `agent-${index}.log`);

  async kill(child: ChildProcess | null, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  async call<T>(
    method: "GET" | "POST",
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const reply = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${this.token()}`, "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const value: unknown = await reply.json();
    if (!reply.ok) throw new Error(`${method} ${path}: ${JSON.stringify(value)}`);
    return value as T;
  }

  token = (): string => readFileSync(join(this.state, "tokens", "operator"), "utf8").trim();

  show = (run_id: string): Promise<RunView> => this.call("GET", `/v1/runs/${run_id}`);

  /** Every event of a run that has ended. */
  async events(run_id: string): Promise<Recorded[]> {
    const reply = await fetch(`${this.url}/v1/runs/${run_id}/events`, {
      headers: { authorization: `Bearer ${this.token()}` },
    });
    return [...(await reply.text()).matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1]!) as Recorded);
  }

  /** Exec ids whose reports an agent was told to be accepted. */
  acknowledged = (index: number): string[] =>
    this.reported(index).flatMap(({ report, exec_id }) => (report === "manifest" ? [exec_id] : []));

  /** Reports that an agent was told to be accepted, or to have been accepted before. */
  reported(index: number): ReportedLine[] {
    if (!existsSync(this.agentLog(index))) return [];
    return readFileSync(this.agentLog(index), "utf8")
      .split("\n")
      .map(parse)
      .filter((line) => line.event === "reported" && line.outcome !== "refused") as unknown as ReportedLine[];
  }

  async close(): Promise<void> {
    for (const agent of this.agents) await this.kill(agent, "SIGKILL");
    await this.kill(this.daemon, "SIGTERM");
    removeTree(this.directory);
  }
}

export interface ReportedLine {
  readonly run_id: string;
  readonly stage_id: string;
  readonly exec_id: string;
  readonly report: string;
}

function parse(line: string): Record<string, string | undefined> {
  try {
    return JSON.parse(line) as Record<string, string>;
  } catch {
    // the last line of an agent that was killed while it wrote
    return {};
  }
}

/** `layers` of `width` stages, each requiring `fan` of the layer before it. */
export function layered(layers: number, width: number, fan: number, command: unknown): unknown {
  const stages: Record<string, unknown> = {};
  for (let layer = 0; layer < layers; layer++) {
    for (let i = 0; i < width; i++) {
      const requires = layer === 0 ? [] : Array.from({ length: fan }, (_, k) => `s${layer - 1}-${(i + k) % width}`);
      stages[`s${layer}-${i}`] = { requires, leases_lost_max: 100, exec: [command] };
    }
  }
  return { name: "layered", stages };
}

/** Calls until it gives a value, a little later each time: a wait for a fact, bounded. */
export async function until<T>(what: string, look: () => Promise<T | undefined>, limit_ms = 120_000): Promise<T> {
  const end = Date.now() + limit_ms;
  for (let pause = 5; Date.now() < end; pause = Math.min(pause * 1.5, 100)) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  throw new Error(`waited ${limit_ms} ms in vain: ${what}`);
}
