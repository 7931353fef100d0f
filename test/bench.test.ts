import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Reply } from "orchestrator-core";
import { removeTree } from "./remove-tree.ts";

interface Daemon {
  submit(workflow: unknown): Promise<string>;
  call(name: "showRun", input: { params: { run_id: string } }): Promise<Reply<"showRun">>;
  stop(): Promise<void>;
}
interface Agents {
  reported(count: number): Promise<number>;
  stop(): Promise<void>;
}

// the bench is plain JavaScript
const bench = (name: string): Promise<unknown> => import(new URL(`../bench/parts/${name}`, import.meta.url).href);
const { startAgents, startDaemon } = (await bench("cluster.mjs")) as {
  startDaemon: (directory: string) => Promise<Daemon>;
  startAgents: (daemon: Daemon, options: object) => Promise<Agents>;
};
const { wide, workflow } = (await bench("graphs.mjs")) as {
  wide: (count: number) => number[][];
  workflow: (graph: number[][], argv?: string[]) => unknown;
};

async function withCluster(measure: (daemon: Daemon, agents: Agents) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "orchestrator-bench-test-"));
  try {
    const daemon = await startDaemon(directory);
    const agents = await startAgents(daemon, { slots: 4, executor: "none" });
    try {
      await measure(daemon, agents);
    } finally {
      await agents.stop();
      await daemon.stop();
    }
  } finally {
    removeTree(directory);
  }
}

test("jobs of the bench's no-op executor succeed: failures would be measured as speed", async () => {
  await withCluster(async (daemon, agents) => {
    const last = agents.reported(3);
    const run_id = await daemon.submit(workflow(wide(3)));
    await last;
    const { run } = await daemon.call("showRun", { params: { run_id } });
    expect(run.status).toBe("succeeded");
  });
});

test("a run that fails ends its measurement", async () => {
  const measured = withCluster(async (daemon, agents) => {
    const last = agents.reported(2);
    // it is refused before it would begin, so the second never starts
    await daemon.submit(workflow([[], [0]], ["no-such-program"]));
    await last;
  });
  await expect(measured).rejects.toThrow(/^run:\S+ failed/);
});
