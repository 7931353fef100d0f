import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual, promisify } from "node:util";
import type { RunView } from "orchestrator-core";
import { cliBin, type Cluster, until } from "../cluster.ts";
import type { Evidence } from "./evidence.ts";
import type { History } from "./law.ts";

/** What is read back once everything has ended: events, records, bundles. */
export async function readHistories(cluster: Cluster, views: readonly RunView[]): Promise<Map<string, History>> {
  const histories = new Map<string, History>();
  for (const { run, stages } of views) {
    const requires = new Map(stages.map(({ stage_id, requires: required }) => [stage_id, required]));
    histories.set(run.run_id, { run_id: run.run_id, events: await cluster.events(run.run_id), requires });
  }
  return histories;
}

interface RecordRow {
  readonly run_id: string;
  readonly status: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly seq: number;
  readonly execs: readonly string[];
}

/** The records say the same as the API, once they have caught up. */
export async function compareRecords(cluster: Cluster, views: readonly RunView[]): Promise<string[]> {
  const surql =
    "SELECT record::id(id) AS run_id, status, counts, projected_seq AS seq FROM run;" +
    "SELECT VALUE [id[0], id[2], manifest_sha256] FROM artifact";
  const differing = async (): Promise<string[]> => {
    const { results } = await cluster.call<{ results: [Omit<RecordRow, "execs">[], string[][]] }>("POST", "/v1/query", {
      surql,
    });
    const [runs, artifacts] = results;
    const rows = new Map(
      runs.map((row): [string, RecordRow] => {
        const execs = artifacts
          .filter(([run_id]) => run_id === row.run_id)
          .map(([, exec_id, sha256]) => `${exec_id} ${sha256}`);
        return [row.run_id, { ...row, execs: execs.sort() }];
      }),
    );
    return views.map(rowOf).flatMap((wanted) => {
      const found = rows.get(wanted.run_id);
      return isDeepStrictEqual(found, wanted)
        ? []
        : [`the record ${JSON.stringify(found)} is not ${JSON.stringify(wanted)}`];
    });
  };
  // the records follow behind; what still differs after a while is a finding
  await until(
    "the records have caught up",
    async () => ((await differing()).length === 0 ? true : undefined),
    10_000,
  ).catch(() => undefined);
  return differing();
}

function rowOf({ run, seq, stages }: RunView): RecordRow {
  const execs = stages.flatMap((stage) =>
    stage.execs.flatMap(({ exec_id, manifest_sha256 }) =>
      manifest_sha256 === null ? [] : [`${exec_id} ${manifest_sha256}`],
    ),
  );
  const { run_id, status, counts } = run;
  return { run_id, status, counts, seq, execs: execs.sort() };
}

export interface BundleFigures {
  readonly intact: number;
  readonly incomplete: number;
  readonly fenced: number;
  readonly wrong: readonly string[];
}

interface Verified {
  readonly compared_with_journal: boolean;
  readonly not_compared_because: string | null;
  readonly bundles: readonly {
    path: string;
    status: string;
    fenced: boolean;
    findings: readonly { message: string }[];
  }[];
}

/** `orchestrator verify` of every run; then every exec that left evidence has exactly one bundle, whole or marked. */
export async function verifyBundles(
  cluster: Cluster,
  views: readonly RunView[],
  { executions }: Evidence,
): Promise<BundleFigures> {
  const wrong: string[] = [];
  let intact = 0;
  let incomplete = 0;
  let fenced = 0;
  for (const { run } of views) {
    const { run_id } = run;
    if (!existsSync(join(cluster.state, "runs", run_id))) continue;
    const verified = await verifyRun(cluster, run_id);
    if (!verified.compared_with_journal) wrong.push(`${run_id} was not compared: ${verified.not_compared_because}`);
    for (const { path, status, fenced: isFenced, findings } of verified.bundles) {
      if (isFenced) fenced++;
      if (status === "intact") intact++;
      else if (path.endsWith(".incomplete") && existsSync(join(cluster.state, "runs", run_id, path, "incomplete.json")))
        incomplete++;
      else wrong.push(`${run_id}/${path}: ${status}: ${findings.map(({ message }) => message).join("; ")}`);
    }
  }
  for (const { run_id, stage_id, exec_id } of executions.values()) {
    const path = join(cluster.state, "runs", run_id, stage_id, exec_id);
    const count = [path, `${path}.incomplete`].filter((place) => existsSync(place)).length;
    if (count !== 1) wrong.push(`${run_id}/${stage_id}/${exec_id} ran and has ${count} bundles`);
  }
  return { intact, incomplete, fenced, wrong };
}

const run = promisify(execFile);

async function verifyRun(cluster: Cluster, run_id: string): Promise<Verified> {
  const args = [cliBin, "--state", cluster.state, "--json", "verify", run_id];
  const options = { cwd: cluster.workspace, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await run(process.execPath, args, options).catch((error: unknown) => {
    // exit codes 8 and 9 are answers, too
    const failed = error as { stdout?: string; stderr?: string };
    if (failed.stdout?.startsWith("{") !== true) throw new Error(`verify ${run_id}: ${failed.stderr ?? String(error)}`);
    return { stdout: failed.stdout };
  });
  return JSON.parse(stdout) as Verified;
}

/** Records of held execs that no agent has settled. */
export function leftHeld(cluster: Cluster): string[] {
  const agents = join(cluster.state, "agents");
  return readdirSync(agents).flatMap((agent) => {
    const held = join(agents, agent, "held");
    return existsSync(held) ? readdirSync(held).map((name) => `${agent}/held/${name}`) : [];
  });
}
