import {
  type CommandSpec,
  type Finding,
  type Grant,
  logName,
  type ManifestCommand,
  rfc3339,
  strictest,
  type Verdict,
} from "orchestrator-core";
import type { Bundle } from "../bundle/writer.ts";
import { checkGrant, type Refused } from "../check/grant.ts";
import { findProgram, type FoundProgram, judgeFile } from "../check/program.ts";
import type { ProgramFacts } from "../check/program-facts.ts";
import { findCwd, findWorkspace } from "../check/workspace.ts";
import type { Lease } from "../lease.ts";
import { errorText } from "../log.ts";
import { type CommandEnd, runCommand } from "./command.ts";
import { environmentOf, markOf } from "./environment.ts";
import type { Halt, HaltCause } from "./halt.ts";
import { blankCommand, type Conclusion, failedBy, makeManifest, recordVerdict, SUCCEEDED } from "./manifest.ts";
import type { Site } from "./run.ts";
import type { Scratch } from "./scratch.ts";

/** One exec from its first check to its manifest. */
export class Execution {
  readonly #site: Site;
  readonly #grant: Grant;
  readonly #halt: Halt;
  readonly #lease: Lease;
  readonly #bundle: Bundle;
  readonly #scratch: Scratch;
  readonly #begun: number;
  readonly #started_at: string;
  readonly #commands: ManifestCommand[];
  readonly #hashes: { readonly index: number; readonly found: FoundProgram; readonly facts: ProgramFacts }[] = [];
  #verdicts: readonly Verdict[] = [];
  #failure: Conclusion | null = null;

  constructor(site: Site, grant: Grant, halt: Halt, lease: Lease, bundle: Bundle, scratch: Scratch) {
    this.#site = site;
    this.#grant = grant;
    this.#halt = halt;
    this.#lease = lease;
    this.#bundle = bundle;
    this.#scratch = scratch;
    this.#begun = site.ports.clock.now();
    this.#started_at = rfc3339(site.ports.clock.wall());
    this.#commands = [];
  }

  async run(): Promise<void> {
    const { options, ports } = this.#site;
    const { verdicts, refused } = checkGrant(this.#grant);
    this.#verdicts = verdicts;
    this.#grant.exec.commands.forEach((_, i) => this.#commands.push(blankCommand(this.#grant, i, verdicts[i]!)));
    if (refused !== null) return this.#fail(refused);
    const workspace = findWorkspace(ports.files, options.workspace_roots, this.#grant.workspace);
    if (!workspace.ok) return this.#fail(workspace.error);

    const { timeout_ms } = this.#grant.exec;
    const clear =
      timeout_ms === null
        ? () => undefined
        : ports.clock.after(timeout_ms, () =>
            this.#halt.set("timeout", `the stage's timeout of ${timeout_ms} ms is over`),
          );
    try {
      for (let i = 0; i < this.#commands.length && this.#failure === null; i++) await this.#command(i, workspace.value);
    } finally {
      clear();
    }
  }

  async publish(): Promise<string> {
    for (const { index, found, facts } of this.#hashes) await this.#recordProgram(index, found, facts);
    const { clock, processes } = this.#site.ports;
    const outputs = this.#scratch.outputs();
    if (!outputs.ok) this.#fail({ reason: "output_invalid", message: outputs.error });
    return this.#bundle.publish((files) => {
      // asked at the last moment: hashing gigabytes takes time, and a lease may end meanwhile
      if (this.#halt.halted()?.cause === "lease_lost") this.#failIfHalted();
      const facts = {
        conclusion: this.#failure ?? SUCCEEDED,
        started_at: this.#started_at,
        ended_at: rfc3339(clock.wall()),
        duration_ms: Math.round(clock.now() - this.#begun),
        outputs: outputs.ok ? outputs.value : {},
        commands: this.#commands,
        supervisor: processes.supervisor,
      };
      return makeManifest(this.#grant, this.#site.agent, facts, files);
    });
  }

  /** The first failure stands. */
  #fail(refused: Refused): void {
    this.#failure ??= failedBy(refused);
  }

  #failIfHalted(): void {
    const halted = this.#halt.halted();
    if (halted === null) return;
    const { cause, message } = halted;
    this.#fail({ reason: cause === "shutdown" || cause === "unrecorded" ? "lease_lost" : cause, message });
  }

  async #command(index: number, workspace: string): Promise<void> {
    this.#failIfHalted();
    if (this.#failure !== null) return;
    const { ports, options, held } = this.#site;
    const spec = this.#grant.exec.commands[index]!;
    const places = { workspace, output: this.#scratch.output, requires: this.#scratch.requires };
    const env = environmentOf(options.environment, spec.env, this.#grant, places);
    const ready = this.#prepare(index, workspace, env.PATH);
    if (ready === null) return;

    const logs = this.#bundle.openLogs(index);
    const started_at = rfc3339(ports.clock.wall());
    const [argv0, ...args] = spec.argv;
    const end = await runCommand(
      ports,
      {
        file: ready.found.path,
        argv0: argv0!,
        args,
        cwd: ready.cwd,
        env,
        ...logs,
        mark: markOf(this.#grant.exec_id),
        signal: spec.stop.signal,
        lease_ms: this.#lease.left(),
        grace_ms: this.#grace(spec, null),
      },
      {
        timeout_ms: spec.timeout_ms,
        idle_timeout_ms: spec.idle_timeout_ms,
        written: () => ports.files.statOpen(logs.stdout).size + ports.files.statOpen(logs.stderr).size,
        grace: (cause) => this.#grace(spec, cause),
        halt: this.#halt,
        renewals: this.#lease.renewals,
        started: (pid) => {
          try {
            const { processes } = ports;
            held.started(this.#grant.exec_id, { pid, pid_start: processes.startOf(pid) ?? "", boot: processes.boot });
          } catch (error) {
            // a process that no later agent would find must not go on
            this.#halt.set("unrecorded", `its process could not be written down: ${errorText(error)}`);
          }
        },
      },
    );
    this.#commands[index] = {
      ...this.#commands[index]!,
      env_names: Object.keys(env).sort(),
      exit: end.exit,
      usage: end.usage,
      reason: end.reason,
      message: end.message,
      started_at,
      duration_ms: end.duration_ms,
      signalled: [...end.ending.signalled],
      survivors: end.ending.survivors,
      stdout: logName(index, "stdout"),
      stderr: logName(index, "stderr"),
    };
    this.#judge(index, end);
  }

  /** Its author's word counts for as long as the exec is ours: what may run elsewhere by now, or is in the way, gets no longer. */
  #grace({ stop }: CommandSpec, cause: HaltCause | null): number {
    const agents = this.#site.grace();
    if (stop.grace_ms === null) return agents;
    const isOurs = cause === "cancelled" || cause === "timeout" || cause === "idle_timeout";
    // an agent that is impatient has none left
    if (isOurs && agents > 0 && !this.#lease.isOver()) return stop.grace_ms;
    return Math.min(agents, stop.grace_ms);
  }

  /** All that is looked up just before a command starts. Null: it must not, or cannot. */
  #prepare(
    index: number,
    workspace: string,
    path: string,
  ): { readonly cwd: string; readonly found: FoundProgram } | null {
    const { files } = this.#site.ports;
    const spec = this.#grant.exec.commands[index]!;
    const cwd = findCwd(files, workspace, spec.cwd);
    if (!cwd.ok) return this.#refuse(index, cwd.error);
    const found = findProgram(files, spec.argv[0] ?? "", { cwd: cwd.value, workspace, path });
    if (!found.ok) return this.#refuse(index, found.error);
    let facts: ProgramFacts;
    try {
      facts = this.#site.programs.look(found.value);
    } catch (error) {
      const message = `${found.value.path} cannot be read, so what would run cannot be recorded: ${errorText(error)}`;
      return this.#refuse(index, { reason: "denied", message });
    }
    if (facts.format !== null) this.#hashes.push({ index, found: found.value, facts });
    const judged = { grant: this.#grant, index, found: found.value, workspace };
    const refused = judgeFile(files, this.#site.twins, judged);
    if (refused !== null) return this.#refuse(index, refused);
    return { cwd: cwd.value, found: found.value };
  }

  #refuse(index: number, refused: Refused & { readonly finding?: Finding | null }): null {
    const command = this.#commands[index]!;
    const verdict = refused.finding
      ? recordVerdict(strictest([...this.#verdicts[index]!.findings, refused.finding]))
      : command.verdict;
    this.#commands[index] = { ...command, verdict, reason: refused.reason, message: refused.message };
    this.#failBy(index, refused);
    return null;
  }

  #judge(index: number, { exit, reason, message }: CommandEnd): void {
    this.#failIfHalted();
    if (reason === null) return;
    // what never began, ended unseen, or was cut off with its agent, is no failure that its author can have meant
    const isItsOwn = exit !== null && reason !== "lease_lost";
    if (this.#grant.exec.commands[index]!.allow_failure && isItsOwn) return;
    this.#failBy(index, { reason, message });
  }

  #failBy(index: number, { reason, message }: Refused): void {
    const program = this.#grant.exec.commands[index]!.argv[0] ?? "";
    this.#fail({ reason, message: `command ${index} \`${program}\`: ${message}` });
  }

  async #recordProgram(index: number, { path, realpath, stat }: FoundProgram, facts: ProgramFacts): Promise<void> {
    const sha256 = await facts.sha256;
    const command = this.#commands[index]!;
    if (sha256 === null || facts.format === null) {
      const message = `${command.message} (${realpath} changed while it was hashed, so it is not recorded)`.trim();
      this.#commands[index] = { ...command, message };
      return;
    }
    const program = {
      path,
      realpath,
      device: Number(stat.device),
      inode: Number(stat.inode),
      size: stat.size,
      sha256,
      format: facts.format,
      interpreter: facts.interpreter,
    };
    this.#commands[index] = { ...command, program };
  }
}
