import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeTree } from "./remove-tree.ts";
import type { Recorded, RunView } from "orchestrator-core";

const root = join(import.meta.dirname, "..");
const bin = (name: string): string => join(root, "packages", name, "bin", `orchestrator-${name}.js`);

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
    this.daemon = spawn(
      process.execPath,
      [bin("daemon"), "--listen", "127.0.0.1:0", "--state", this.state, "--workspace-root", this.workspace, ...flags],
      { cwd: this.workspace, stdio: ["ignore", "pipe", "ignore"] },
    );
    const [line] = (await Promise.race([
      once(this.daemon.stdout!, "data"),
      once(this.daemon, "exit").then(([code, signal]) => {
        throw new Error(`the daemon ended with ${code ?? signal} before it was ready`);
      }),
    ])) as [Buffer];
    this.url = /ready at (\S+)/.exec(String(line))![1]!;
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
    const token = readFileSync(join(this.state, "tokens", "operator"), "utf8").trim();
    const reply = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const value: unknown = await reply.json();
    if (!reply.ok) throw new Error(`${method} ${path}: ${JSON.stringify(value)}`);
    return value as T;
  }

  show = (run_id: string): Promise<RunView> => this.call("GET", `/v1/runs/${run_id}`);

  /** Every event of a run that has ended. */
  async events(run_id: string): Promise<Recorded[]> {
    const token = readFileSync(join(this.state, "tokens", "operator"), "utf8").trim();
    const reply = await fetch(`${this.url}/v1/runs/${run_id}/events`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return [...(await reply.text()).matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1]!) as Recorded);
  }

  /** Exec ids whose reports an agent was told to be accepted. */
  acknowledged(index: number): string[] {
    if (!existsSync(this.agentLog(index))) return [];
    return readFileSync(this.agentLog(index), "utf8")
      .split("\n")
      .flatMap((line) => {
        const { event, report, outcome, exec_id } = parse(line);
        return event === "reported" && report === "manifest" && outcome !== "refused" && exec_id ? [exec_id] : [];
      });
  }

  async close(): Promise<void> {
    for (const agent of this.agents) await this.kill(agent, "SIGKILL");
    await this.kill(this.daemon, "SIGTERM");
    removeTree(this.directory);
  }
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
export function layered(layers: number, width: number, fan: number, command: readonly string[]): unknown {
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
