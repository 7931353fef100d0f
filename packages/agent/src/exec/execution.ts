import { join } from "node:path";
import {
  builtInPolicy,
  type CommandSpec,
  type Finding,
  type Grant,
  higher,
  logName,
  type Manifest,
  type ManifestCommand,
  rfc3339,
  strictest,
  type Under,
  type Verdict,
} from "orchestrator-core";
import type { Bundle } from "../bundle/writer.ts";
import { checkGrant, type Refused } from "../check/grant.ts";
import { findProgram, type FoundProgram, judgeFile } from "../check/program.ts";
import { judgedFile, type ProgramFacts } from "../check/program-facts.ts";
import { findCwd, findWorkspace } from "../check/workspace.ts";
import type { Lease } from "../lease.ts";
import { errorText } from "../log.ts";
import { type CommandEnd, runCommand } from "./command.ts";
import { environmentOf, markOf } from "./environment.ts";
import type { Halt, HaltCause } from "./halt.ts";
import { blankCommand, type Conclusion, failedBy, makeManifest, recordVerdict, SUCCEEDED } from "./manifest.ts";
import { maskLogs } from "../secrets/masked-logs.ts";
import { redactText } from "../secrets/redact.ts";
import { readSecrets } from "../secrets/secrets.ts";
import { chooseSandbox, type Held } from "../sandbox/sandbox.ts";
import { keeperLimits, recordLimits } from "../sandbox/limits.ts";
import { contain, environmentInside, isVisible, type Rooms, shownBy } from "../sandbox/profile.ts";
import type { StartCommand } from "../ports.ts";
import type { Site } from "./run.ts";
import type { Scratch } from "./scratch.ts";

/** What is known just before a command starts. */
interface Ready {
  readonly cwd: string;
  readonly file: string;
  readonly judged: string;
}

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
  #under: Under = { policy: builtInPolicy, now: 0 };
  #verdicts: readonly Verdict[] = [];
  #held: Held = { level: "none", why: "nothing was started" };
  #rooms: Rooms | null = null;
  readonly #opened: number[] = [];
  /** Of all commands that began. */
  readonly #secrets: Uint8Array[] = [];
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
    const workspace = findWorkspace(ports.files, options.workspace_roots, this.#grant.workspace);
    const policy = this.#site.policies.of(workspace.ok ? workspace.value : null);
    if (policy.ok) this.#under = { policy: policy.value, now: ports.clock.wall() };
    const { verdicts, refused } = checkGrant(this.#grant, this.#under);
    this.#verdicts = verdicts;
    this.#grant.exec.commands.forEach((_, i) => this.#commands.push(blankCommand(this.#grant, i, verdicts[i]!)));
    if (!policy.ok) return this.#fail(policy.error);
    if (!workspace.ok) return this.#fail(workspace.error);
    if (refused !== null) return this.#fail(refused);
    const least = higher(this.#grant.exec.sandbox, policy.value.sandbox);
    const kept = [
      ["the state directory lies", options.state],
      ["the directory of secrets lies", options.secrets],
      ...(options.token_file === undefined ? [] : [["the token of this agent lies", options.token_file] as const]),
    ] as const;
    const held = chooseSandbox(ports.files, options.sandbox, least, { workspace: workspace.value, kept });
    if (!held.ok) return this.#fail(held.error);
    this.#held = held.value;

    const { timeout_ms } = this.#grant.exec;
    const clear =
      timeout_ms === null
        ? () => undefined
        : ports.clock.after(timeout_ms, () =>
            this.#halt.set("timeout", `the stage's timeout of ${timeout_ms} ms is over`),
          );
    try {
      if (held.value.level === "contained") this.#openRooms(held.value.profile.keeper, workspace.value);
      for (let i = 0; i < this.#commands.length && this.#failure === null; i++) await this.#command(i, workspace.value);
    } finally {
      clear();
      this.#closeRooms();
    }
  }

  /** Opened once, so that what is put in their place later is not what commands see. */
  #openRooms(keeper: string, workspace: string): void {
    const { files } = this.#site.ports;
    const { exec } = this.#grant;
    const { directory, output, requires } = this.#scratch;
    const user = this.#held.level === "contained" ? this.#held.profile.user : null;
    const run = join(this.#site.options.state, "runs", this.#grant.run_id);
    if (user !== null) {
      const stages = this.#grant.requires
        .filter(({ bundle }) => bundle !== null)
        .map(({ stage_id }) => join(run, stage_id));
      for (const path of [directory, output, requires, run, ...stages]) files.giveTo(path, user);
    }
    const open = (path: string): number => {
      const fd = files.openRead(path);
      this.#opened.push(fd);
      return fd;
    };
    const room = (path: string) => ({ path, fd: open(path) });
    this.#rooms = {
      workspace: room(workspace),
      scratch: room(directory),
      run: room(run),
      keeper: open(keeper),
      network: exec.network,
      limits: keeperLimits(exec.limits, "contained"),
    };
  }

  #closeRooms(): void {
    this.#rooms = null;
    for (const fd of this.#opened.splice(0)) this.#site.ports.files.close(fd);
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
        outputs: outputs.ok ? this.#masked(outputs.value) : {},
        commands: this.#commands,
        supervisor: processes.supervisor,
        sandbox: this.#sandbox(),
        limits: recordLimits(this.#grant.exec.limits, this.#held.level, processes.supervisor === "keeper"),
      };
      return makeManifest(this.#grant, this.#site.agent, facts, files);
    });
  }

  #masked(outputs: Readonly<Record<string, string>>): Record<string, string> {
    const mask = (text: string): string => redactText(this.#secrets, text);
    // a name that holds a secret is none any more, and goes
    const kept = Object.entries(outputs).filter(([name]) => mask(name) === name);
    return Object.fromEntries(kept.map(([name, value]) => [name, mask(value)]));
  }

  #sandbox(): Manifest["sandbox"] {
    const held = this.#held;
    const { uid } = this.#site.agent;
    if (held.level === "none") return { level: "none", why: held.why, network: true, uid };
    return { level: held.level, why: "", network: this.#grant.exec.network, uid: held.profile.user?.uid ?? uid };
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
    const { ports, options, held, directory } = this.#site;
    const spec = this.#grant.exec.commands[index]!;
    const places = { workspace, output: this.#scratch.output, requires: this.#scratch.requires };
    const given = environmentOf(options.environment, spec.env, this.#grant, places);
    const ready = this.#prepare(index, workspace, given.PATH);
    if (ready === null) return;
    const secrets = readSecrets(ports.files, options.secrets, spec.secrets);
    if (!secrets.ok) return void this.#refuse(index, secrets.error);
    this.#secrets.push(...secrets.value.values);
    const base = this.#held.level === "none" ? given : { ...environmentInside(given, ready.cwd), ...spec.env };
    const env = { ...base, ...secrets.value.env };

    const own = this.#bundle.openLogs(index);
    const raw = join(directory, `raw-${this.#grant.exec_id}-${index}`);
    const masked = secrets.value.values.length === 0 ? null : maskLogs(ports, raw, own, secrets.value.values);
    const logs = masked === null ? own : { stdout: masked.stdout, stderr: masked.stderr };
    const started_at = rfc3339(ports.clock.wall());
    const [argv0, ...args] = spec.argv;
    const end = await runCommand(
      ports,
      this.#contained({
        file: ready.file,
        judged: ready.judged,
        argv0: argv0!,
        args,
        cwd: ready.cwd,
        env,
        ...logs,
        mark: markOf(this.#grant.exec_id),
        signal: spec.stop.signal,
        lease_ms: this.#lease.left(),
        grace_ms: this.#grace(spec, null),
        limits: keeperLimits(this.#grant.exec.limits, this.#held.level),
      }),
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
    const redactions = (await masked?.finish()) ?? 0;
    this.#commands[index] = {
      ...this.#commands[index]!,
      redactions,
      env_names: Object.keys(env).sort(),
      exit: end.exit,
      usage: end.usage,
      reason: end.reason,
      message: redactText(this.#secrets, end.message),
      started_at,
      duration_ms: end.duration_ms,
      signalled: [...end.ending.signalled],
      survivors: end.ending.survivors,
      stdout: logName(index, "stdout"),
      stderr: logName(index, "stderr"),
    };
    this.#judge(index, end);
  }

  #contained(start: StartCommand): StartCommand {
    if (this.#held.level === "none") return start;
    if (this.#rooms === null) throw new TypeError("a contained command has its rooms");
    return contain(this.#held.profile, this.#rooms, start);
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
  #prepare(index: number, workspace: string, path: string): Ready | null {
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
    const { program } = this.#verdicts[index]!;
    const judged = { grant: this.#grant, index, found: found.value, workspace, under: this.#under, program };
    const refused = judgeFile(files, this.#site.twins, judged);
    if (refused !== null) return this.#refuse(index, refused);
    const file = this.#fileToStart(found.value, workspace);
    if (file !== null) return { cwd: cwd.value, file, judged: judgedFile(found.value, facts, workspace) };
    const message = `${found.value.realpath} cannot be seen from within the sandbox; show its directory with --sandbox-read DIR`;
    return this.#refuse(index, { reason: "denied", message });
  }

  /** Null: its sandbox does not have it. */
  #fileToStart({ path, realpath }: FoundProgram, workspace: string): string | null {
    if (this.#held.level === "none") return path;
    const { profile } = this.#held;
    if (shownBy(profile, workspace, realpath) === undefined) return null;
    return isVisible(profile, workspace, path) ? path : realpath;
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
