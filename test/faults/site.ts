import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ProblemDocument } from "orchestrator-core";
import { Cluster, until } from "../cluster.ts";

const root = join(import.meta.dirname, "..", "..");
export const bin = (name: string, program = `orchestrator-${name}`): string =>
  join(root, "packages", name, "bin", `${program}.cjs`);

/** A few faults need what only root may do. Elsewhere their tests stand in the report by name, as skipped. */
export const IS_ROOT = process.getuid?.() === 0;

/** An unprivileged user: `nobody`. */
export const AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/** There is such a user, who may read our programs. */
export function mayBecomeNobody(): boolean {
  const [program, ...words] = [...AS_NOBODY, "test", "-r", bin("daemon")];
  return IS_ROOT && spawnSync(program!, words).status === 0;
}

/** Root in a container often may not. */
export function mayMount(): boolean {
  if (!IS_ROOT) return false;
  const path = mkdtempSync(join(tmpdir(), "mount-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", path]).status === 0;
  if (mounted) run("umount", path);
  rmSync(path, { recursive: true });
  return mounted;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  /** What it wrote to stderr and stdout. */
  readonly said: string;
}

export interface How {
  readonly env?: Readonly<Record<string, string>>;
  /** Words before the command line: another user, another network. */
  readonly through?: readonly string[];
  readonly listen?: string;
}

/** A cluster whose daemon is heard: what it said last, and how it ended. */
export class Site extends Cluster {
  #words = "";
  #ended: Promise<Ended> = Promise.resolve({ code: null, signal: null, said: "" });

  /** How the last daemon ended, once it did. */
  get ended(): Promise<Ended> {
    return this.#ended;
  }

  #spawn(flags: readonly string[], { env = {}, through = [], listen = "127.0.0.1:0" }: How): ChildProcess {
    const where = ["--listen", listen, "--state", this.state, "--workspace-root", this.workspace];
    const [program, ...words] = [...through, process.execPath, bin("daemon"), ...where, ...flags];
    const child = spawn(program!, words, {
      cwd: this.workspace,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#words = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text: Buffer) => {
        this.#words += String(text);
      });
    }
    this.#ended = once(child, "close").then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as string | null,
      said: this.#words,
    }));
    return child;
  }

  override async startDaemon(flags: readonly string[] = [], how: How = {}): Promise<void> {
    const child = this.#spawn(flags, how);
    this.daemon = child;
    const ready = until("the daemon is ready", async () => /ready at (\S+)/.exec(this.#words)?.[1], 30_000);
    const failed = this.#ended.then(({ said }) => {
      throw new Error(`the daemon ended before it was ready: ${said}`);
    });
    this.url = await Promise.race([ready, failed]);
    failed.catch(() => {});
  }

  /** Starts a daemon that is expected to give up. */
  async failToStart(flags: readonly string[] = [], how: How = {}): Promise<Ended> {
    this.#spawn(flags, how);
    return this.#ended;
  }

  /** As `startAgent`, but for another user, another network or another clock. */
  startAgentThrough(index: number, through: readonly string[], flags: readonly string[] = []): ChildProcess {
    const who = ["--agent-id", `a${index}`, "--log", this.agentLog(index)];
    const where = ["--state", this.state, "--workspace-root", this.workspace];
    const [program, ...words] = [...through, process.execPath, bin("agent"), ...where, ...who, ...flags];
    const child = spawn(program!, words, { cwd: this.workspace, stdio: "ignore" });
    this.agents[index] = child;
    return child;
  }

  cli = (...argv: readonly string[]): Promise<Ended> => this.cliThrough([], ...argv);

  async cliThrough(through: readonly string[], ...argv: readonly string[]): Promise<Ended> {
    const [program, ...words] = [...through, process.execPath, bin("cli", "orchestrator"), ...argv];
    const child = spawn(program!, [...words, "--state", this.state], {
      cwd: this.workspace,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text: Buffer) => {
        said += String(text);
      });
    }
    const [code, signal] = (await once(child, "close")) as [number | null, string | null];
    return { code, signal, said };
  }

  submit = async (stages: Readonly<Record<string, unknown>>, name = "w"): Promise<string> =>
    (
      await this.call<{ run_id: string }>("POST", "/v1/runs", {
        workflow: { name, stages },
        workspace: this.workspace,
      })
    ).run_id;

  /** The status of a run once it has settled. */
  settled = (run_id: string, limit_ms = 30_000): Promise<string> =>
    until(
      "the run ends",
      async () => {
        const { status } = (await this.show(run_id)).run;
        return ["succeeded", "failed", "cancelled"].includes(status) ? status : undefined;
      },
      limit_ms,
    );

  /** Resolves when the stage runs: with its exec and its agent. */
  running = (run_id: string, stage_id: string): Promise<{ exec_id: string; agent_id: string }> =>
    until(`${stage_id} runs`, async () => {
      const stage = (await this.show(run_id)).stages.find((one) => one.stage_id === stage_id);
      return stage?.status === "running" ? stage.execs.at(-1) : undefined;
    });

  /** A program in the workspace. */
  program(name: string, text: string): void {
    writeFileSync(join(this.workspace, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }

  /** Whether a command left this file in the workspace. */
  evidenceOf = (name: string): boolean => existsSync(join(this.workspace, name));

  /** Events that an agent wrote into its log. */
  agentSaid(index: number, event: string): Record<string, unknown>[] {
    if (!existsSync(this.agentLog(index))) return [];
    return readFileSync(this.agentLog(index), "utf8")
      .split("\n")
      .filter((line) => line.includes(`"event":"${event}"`) && line.endsWith("}"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Stops the daemon in order; the records are then all written. */
  async stopDaemon(): Promise<Ended> {
    this.daemon?.kill("SIGTERM");
    return this.#ended;
  }
}

/** `GET /readyz` as a monitor sees it. Null: nobody answers. */
export async function readiness(url: string): Promise<{ status: number; detail: string } | null> {
  try {
    const reply = await fetch(`${url}/readyz`);
    const body = (await reply.json()) as Partial<ProblemDocument>;
    return { status: reply.status, detail: body.detail ?? "" };
  } catch {
    return null;
  }
}

/** A small disk of its own, as a tmpfs. */
export class SmallDisk {
  readonly path: string;
  #filler: string;

  constructor(path: string, mib: number) {
    this.path = path;
    this.#filler = join(path, "filler");
    mkdirSync(path, { recursive: true });
    run("mount", "-t", "tmpfs", "-o", `size=${mib}m,mode=0755`, "tmpfs", path);
  }

  /** Takes all that is left but `left_kib`. */
  fill(left_kib = 0): void {
    // dd ends with an error when the disk is full, as it should
    spawnSync("dd", ["if=/dev/zero", `of=${this.#filler}`, "bs=64k", "status=none"]);
    if (left_kib > 0) run("truncate", "-s", `-${left_kib}K`, this.#filler);
  }

  free(): void {
    rmSync(this.#filler, { force: true });
  }

  grow(mib: number): void {
    run("mount", "-o", `remount,size=${mib}m`, this.path);
  }

  unmount(): void {
    spawnSync("umount", ["-l", this.path]);
  }
}

export function run(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
  return stdout;
}
