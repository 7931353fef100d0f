import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { RunView } from "orchestrator-core";
import { Cluster, until } from "../cluster.ts";
import { type BundleFigures, compareRecords, leftHeld, readHistories, verifyBundles } from "./check.ts";
import { type ClientLog, type Followed, newLog, StormClient } from "./client.ts";
import { livingExecs, readEvidence, watchProcesses } from "./evidence.ts";
import { type ExecutionFigures, judgeExecutions } from "./executions.ts";
import { injectFaults, type Quota, type Times } from "./faults.ts";
import { type Ack, breachesOf, doubleSuccesses, lostOf, takenBack } from "./law.ts";
import { makeDice } from "./random.ts";
import { type Launched, Target } from "./target.ts";
import { makePlan, WORK } from "./workload.ts";

export interface StormOptions extends Quota {
  readonly seed: number;
  /** How many clients, each with one run at a time. */
  readonly clients: number;
  /** Where the state directory of a storm that found something is kept. */
  readonly keep: boolean;
}

export interface StormReport {
  readonly seed: number;
  readonly took_ms: number;
  readonly kills: { readonly daemon: number; readonly agents: number; readonly at_start: number };
  readonly stops: number;
  readonly runs: Readonly<Record<string, number>>;
  readonly stages: number;
  readonly granted: number;
  readonly executed: number;
  readonly acks: Readonly<Record<string, number>>;
  readonly unanswered: number;
  readonly bundles: BundleFigures;
  readonly executions: ExecutionFigures;
  /** By the words of the page on testing; all must be empty. */
  readonly lost: readonly string[];
  readonly double: readonly string[];
  readonly stuck: readonly string[];
  readonly taken_back: readonly string[];
  readonly unexplained: readonly string[];
  readonly other: readonly string[];
  readonly directory: string | null;
}

const AGENTS = 4;
const TIMES: Times = { lease_ms: 5_000, grace_ms: 500 };
/** After the last fault, every run must end within this time. */
const END_MS = 60_000;

export async function runStorm(options: StormOptions): Promise<StormReport> {
  const begun = Date.now();
  const cluster = new Cluster();
  mkdirSync(join(cluster.workspace, "flags"));
  writeFileSync(join(cluster.workspace, "work"), WORK);
  chmodSync(join(cluster.workspace, "work"), 0o755);
  const daemon = new Target("daemon", () => cluster.spawnDaemon(["--lease-ms", String(TIMES.lease_ms)]));
  const agents = Array.from({ length: AGENTS }, (_, i) => new Target(`a${i}`, () => launchAgent(cluster, i)));
  const watched = watchProcesses(cluster.workspace, 250);
  const calm = new AbortController();
  const over = new AbortController();
  const logs: ClientLog[] = [];
  const runs: Followed[] = [];
  let kept = options.keep;
  try {
    await daemon.start();
    await Promise.all(agents.map((agent) => agent.start()));
    const clients = Array.from({ length: options.clients }, (_, i) => {
      const log = newLog();
      logs.push(log);
      return useClient(cluster, options.seed, i, log, runs, calm.signal, over.signal);
    });
    const gone = Promise.all(clients);
    const faults = injectFaults(daemon, agents, options, TIMES, makeDice(options.seed, "faults"), over.signal);
    await Promise.race([faults, gone]);
    calm.abort();
    await Promise.race([gone, pause(END_MS, null, { ref: false }).then(() => over.abort())]);
    over.abort();
    await Promise.all([faults, gone]);
    await until(
      "agents have settled what they held",
      async () => (leftHeld(cluster).length === 0 ? true : undefined),
      10_000,
    ).catch(() => undefined);
    watched.stop();
    const checked = await check(cluster, options, daemon, agents, logs, runs, watched.seen, begun);
    kept = options.keep && problemsOf(checked).length > 0;
    return { ...checked, directory: kept ? cluster.directory : null };
  } finally {
    over.abort();
    watched.stop();
    await Promise.all([daemon, ...agents].map((target) => target.close()));
    if (!kept) await cluster.close();
  }
}

function launchAgent(cluster: Cluster, index: number): Launched {
  cluster.startAgent(index, ["--slots", "2", "--grace", `${TIMES.grace_ms}ms`]);
  const child = cluster.agents[index]!;
  return { child, ready: Promise.resolve(true) };
}

/** One client: a run after the other, until the faults stop; then it waits for its last. */
async function useClient(
  cluster: Cluster,
  seed: number,
  index: number,
  log: ClientLog,
  runs: Followed[],
  calm: AbortSignal,
  over: AbortSignal,
): Promise<void> {
  const dice = makeDice(seed, `client ${index}`);
  const client = new StormClient(cluster, log, dice, over);
  for (let number = 0; !calm.aborted; number++) {
    const key = `client-${index}-${number}`;
    const run = await client.submit(makePlan(dice, number), key);
    if (run === null) return;
    runs.push(run);
    await client.follow(run);
  }
}

async function check(
  cluster: Cluster,
  { seed }: StormOptions,
  daemon: Target,
  agents: readonly Target[],
  logs: readonly ClientLog[],
  runs: readonly Followed[],
  seen: ReadonlyMap<string, number>,
  begun: number,
): Promise<Omit<StormReport, "directory">> {
  const views: RunView[] = [];
  for (const { run_id } of runs) views.push(await cluster.show(run_id));
  const ended = views.filter(({ run }) => run.ended_at !== null);
  const histories = await readHistories(cluster, ended);
  const evidence = readEvidence(cluster.evidence);
  const faults = [daemon, ...agents].flatMap((target) => target.faults);
  const executions = judgeExecutions(views, evidence, seen, faults, TIMES);
  const bundles = await verifyBundles(cluster, views, evidence);
  const reported = agents.flatMap((_, index) =>
    cluster
      .reported(index)
      .map(({ run_id, stage_id, exec_id }): Ack => ({ kind: "reported", run_id, stage_id, exec_id })),
  );
  const told = [...logs.flatMap(({ acks }) => acks), ...reported].filter(({ run_id }) => histories.has(run_id));
  const acks: Record<string, number> = {};
  for (const { kind } of told) acks[kind] = (acks[kind] ?? 0) + 1;
  const ends: Record<string, number> = {};
  for (const { end } of runs) ends[end ?? "not ended"] = (ends[end ?? "not ended"] ?? 0) + 1;
  const execs = views.flatMap(({ stages }) => stages.flatMap((stage) => stage.execs));
  const byItself = [daemon, ...agents].flatMap(({ endedByItself }) => endedByItself);
  const wrongEnds = runs.filter(({ end, plan }) => end !== null && !plan.ends.includes(end));
  return {
    seed,
    took_ms: Date.now() - begun,
    kills: {
      daemon: daemon.kills,
      agents: agents.reduce((sum, { kills }) => sum + kills, 0),
      at_start: [daemon, ...agents].reduce((sum, { kills_at_start }) => sum + kills_at_start, 0),
    },
    stops: [daemon, ...agents].reduce((sum, { stops }) => sum + stops, 0),
    runs: ends,
    stages: views.reduce((sum, { stages }) => sum + stages.length, 0),
    granted: execs.length,
    executed: evidence.executions.size,
    acks,
    unanswered: logs.reduce((sum, { unanswered }) => sum + unanswered, 0),
    bundles,
    executions,
    lost: lostOf(told, histories),
    double: [
      ...evidence.twice.map((exec_id) => `${exec_id} stands twice in the evidence`),
      ...[...histories.values()].flatMap(doubleSuccesses),
      ...executions.overlaps,
    ],
    stuck: [
      ...views
        .filter(({ run }) => run.ended_at === null)
        .map(({ run }) => `${run.run_id} (${run.name}) is ${run.status}`),
      ...leftHeld(cluster).map((path) => `${path} is left`),
      ...[...livingExecs(cluster.workspace)].map((exec_id) => `a process of ${exec_id} lives`),
    ],
    taken_back: logs.flatMap(({ acks: ofOne }) => takenBack(ofOne)),
    unexplained: executions.unexplained,
    other: [
      ...[...histories.values()].flatMap(breachesOf),
      ...wrongEnds.map(endOf),
      ...(await compareRecords(cluster, ended)),
      ...bundles.wrong,
      ...logs.flatMap(({ odd }) => odd),
      ...byItself,
      ...evidence.unreadable.map((line) => `evidence that cannot be read: ${line}`),
      ...[...evidence.executions.keys()]
        .filter((exec_id) => !execs.some((exec) => exec.exec_id === exec_id))
        .map((exec_id) => `${exec_id} ran and is not in the store`),
    ],
  };
}

const endOf = ({ end, plan, run_id }: Followed): string => `${run_id} (${plan.workflow.name}) ended as ${end}`;

/** Everything that must not be. */
export const problemsOf = (report: Omit<StormReport, "directory">): string[] =>
  (["lost", "double", "stuck", "taken_back", "unexplained", "other"] as const).flatMap((kind) =>
    report[kind].map((what) => `${kind}: ${what}`),
  );
