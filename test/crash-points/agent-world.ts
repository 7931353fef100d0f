import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Agent, optionDefaults, type Ports, realClock, realRandom, startAgent } from "orchestrator-agent";
import type { Clock, CompleteBody, CompleteReply, Grant, HttpRequest, Report } from "orchestrator-core";
import { bundlePaths } from "../../packages/agent/src/bundle/writer.ts";
import { verifyTree } from "../../packages/cli/src/verify/tree.ts";
import { makePlace, type Place } from "../../packages/agent/test/fixtures.ts";
import { type Job, scriptDaemon, type ScriptedDaemon } from "../../packages/agent/test/scripted-daemon.ts";
import { Crashed, crashFiles, type CrashFiles, type FilePoint } from "./crash-files.ts";
import { type Machine, makeMachine } from "./machine.ts";

const WAIT_MS = 5_000;

// some 30,000 syncs: what a sync is worth is not asked here, a crash is of the process alone
if (existsSync("/dev/shm")) process.env.TMPDIR = "/dev/shm";

/** One process of an agent. */
export interface AgentLife extends CrashFiles {
  /** Null: it died while it started. */
  readonly agent: Agent | null;
  readonly died: Promise<void>;
  readonly log: readonly string[];
}

/** A directory, a machine and a daemon that outlive agents. */
export class AgentWorld {
  readonly place: Place = makePlace();
  readonly machine: Machine = makeMachine();
  readonly daemon: ScriptedDaemon = scriptDaemon(this.place.workspace);
  readonly grants: Grant[] = [];
  /** Execs that were given to an agent, dead or alive. */
  readonly given = new Set<string>();
  readonly reports: { readonly exec_id: string; readonly report: Report; readonly outcome: string }[] = [];
  readonly claims: string[] = [];

  queue(...jobs: Job[]): readonly Grant[] {
    const grants = this.daemon.queue(...jobs);
    this.grants.push(...grants);
    return grants;
  }

  start(agent_id: string, point: FilePoint | null, slots = 2): AgentLife {
    let tell = (): void => undefined;
    const died = new Promise<void>((resolve) => {
      tell = resolve;
    });
    const world = crashFiles(point, () => tell());
    const log: string[] = [];
    const clock = clockOf(world);
    const ports: Ports = {
      clock,
      random: realRandom,
      files: world.files,
      processes: this.machine.boot(world.dead, clock),
      connect: () => (request) => this.#carry(world, agent_id, request),
      log: (line) => void log.push(line),
    };
    const options = {
      ...optionDefaults,
      state: this.place.state,
      daemon: "http://scripted.invalid",
      agent_id,
      slots,
      workspace_roots: [this.place.workspace],
      secrets: "/nowhere",
      environment: { PATH: process.env.PATH },
      grace_ms: 20,
      drain_ms: 0,
    };
    let agent: Agent | null = null;
    try {
      agent = startAgent(options, ports);
    } catch (error) {
      if (!(error instanceof Crashed)) throw error;
    }
    return { ...world, agent, died, log };
  }

  /** What a dead agent says is not sent, and what it is told it does not hear. */
  async #carry(world: CrashFiles, agent_id: string, request: HttpRequest) {
    if (world.dead()) return new Promise<never>(() => {});
    if (request.path.endsWith("/claim")) this.claims.push(agent_id);
    const reply = await this.daemon.transport(request);
    const { jobs = [], outcomes = [] } = JSON.parse(reply.body) as Partial<CompleteReply>;
    for (const { exec_id } of jobs) this.given.add(exec_id);
    if (request.path.endsWith("/complete")) {
      const { completions } = JSON.parse(request.body ?? "") as CompleteBody;
      for (const { exec_id, report } of completions) {
        const outcome = outcomes.find((o) => o.exec_id === exec_id)?.outcome ?? "none";
        this.reports.push({ exec_id, report, outcome });
      }
    }
    return world.dead() ? new Promise<never>(() => {}) : reply;
  }

  /** Nothing is left to do: all that was given is answered for, and nothing that was held or begun lies open. */
  settled(): boolean {
    return (
      this.grants.every((grant) => this.given.has(grant.exec_id) && (this.#isAnswered(grant) || !this.#trace(grant))) &&
      this.leftHeld().length === 0 &&
      this.machine.live().length === 0
    );
  }

  /** Waits for a fact; says what is wrong where it does not come. */
  async until(what: string, fact: () => boolean): Promise<void> {
    const limit = new AbortController();
    const late = sleep(WAIT_MS, true, { signal: limit.signal }).catch(() => false);
    if ((await Promise.race([this.daemon.until(() => limit.signal.aborted || fact()), late])) === true) {
      const breaches = await this.breaches();
      limit.abort();
      throw new Error(`waited in vain until ${what}: ${breaches.join("; ")}`);
    }
    limit.abort();
  }

  #isAnswered = ({ exec_id }: Grant): boolean =>
    this.reports.some((report) => report.exec_id === exec_id && report.outcome !== "none");

  #places(grant: Grant): { published: boolean; incomplete: boolean; temporary: boolean; fenced: boolean } {
    const paths = bundlePaths(this.place.state, grant);
    return {
      published: existsSync(paths.published),
      incomplete: existsSync(paths.incomplete),
      temporary: existsSync(paths.temporary),
      fenced: existsSync(paths.fenced),
    };
  }

  #trace(grant: Grant): boolean {
    const { published, incomplete, temporary } = this.#places(grant);
    return published || incomplete || temporary || this.machine.started.has(grant.exec_id);
  }

  #agents(directory: string): string[] {
    const agents = join(this.place.state, "agents");
    return readdirSync(agents).flatMap((agent) => {
      const path = join(agents, agent, directory);
      return existsSync(path) ? readdirSync(path).map((name) => `${agent}/${directory}/${name}`) : [];
    });
  }

  leftHeld = (): string[] => this.#agents("held");
  leftScratch = (): string[] => this.#agents("scratch");

  /** What is not as it must be once all agents have come and gone. */
  async breaches(): Promise<string[]> {
    const found: string[] = [];
    for (const grant of this.grants) {
      const { exec_id, run_id } = grant;
      const say = (what: string): void => void found.push(`${grant.stage_id} (${exec_id}): ${what}`);
      const { published, incomplete, temporary, fenced } = this.#places(grant);
      const reports = this.reports.filter((report) => report.exec_id === exec_id);
      const said = new Set(reports.map(({ report }) => JSON.stringify(report)));
      const [first] = reports;
      if (temporary) say("its temporary directory is left");
      if (published && incomplete) say("it has two bundles");
      if (said.size > 1) say(`it was reported as ${[...said].join(" and as ").slice(0, 400)}`);
      if (this.#trace(grant)) {
        if (!published && !incomplete) say("it began and has no bundle");
        if (first === undefined) say("it began and was not reported");
        else if (published && !isManifestOf(first.report, this.place.state, grant))
          say(`its report is ${first.report.kind}`);
        else if (incomplete && first.report.kind !== "lost")
          say(`it is incomplete and its report is ${first.report.kind}`);
        const refused = reports.some(({ outcome }) => outcome === "refused");
        if (refused !== fenced) say(fenced ? "it is marked as fenced" : "it was refused and is not marked");
        for await (const { path, status, findings } of verifyTree(join(this.place.state, "runs", run_id))) {
          const expected = path.endsWith(".incomplete") ? "incomplete" : "intact";
          if (status !== expected) say(`verify says ${status}: ${JSON.stringify(findings)}`);
        }
      } else if (first !== undefined && first.report.kind !== "handed_back") {
        say(`it never began and was reported as ${first.report.kind}`);
      }
    }
    for (const path of [...this.leftHeld(), ...this.leftScratch()]) found.push(`left: ${path}`);
    for (const exec_id of this.machine.live()) found.push(`a process of ${exec_id} lives`);
    return found;
  }
}

function isManifestOf(report: Report, state: string, grant: Grant): boolean {
  const text = readFileSync(join(bundlePaths(state, grant).published, "manifest.json"), "utf8");
  return report.kind === "manifest" && report.manifest === text;
}

/** Nothing fires after death, and what dies in a timer dies quietly. */
const clockOf = ({ dead }: CrashFiles): Clock => ({
  ...realClock,
  after: (delay_ms, fn) =>
    realClock.after(delay_ms, () => {
      if (dead()) return;
      try {
        fn();
      } catch (error) {
        if (!(error instanceof Crashed)) throw error;
      }
    }),
});
