import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Cluster, script, until } from "../cluster.ts";
import { livingExecs } from "./evidence.ts";

/** I7 on real processes without a keeper: what is left of a killed agent's commands, and who ends it. */
export interface Orphans {
  readonly commands: number;
  /** Still alive a second after lease and grace had passed, with no agent on the machine. */
  readonly outlived: number;
  /** How long the next agent of the state directory took to end them, its own start included, in ms. */
  readonly adopted_ms: number;
}

const COMMANDS = 3;
const LEASE_MS = 1_500;
const GRACE_MS = 300;

export async function measureOrphans(): Promise<Orphans> {
  const cluster = new Cluster();
  try {
    writeFileSync(join(cluster.workspace, "long"), "#!/bin/sh\nsleep 60\n");
    chmodSync(join(cluster.workspace, "long"), 0o755);
    await cluster.startDaemon(["--lease-ms", String(LEASE_MS)]);
    const flags = ["--slots", String(COMMANDS), "--grace", `${GRACE_MS}ms`, "--keeper", "none"];
    cluster.startAgent(0, flags);
    const stages = Object.fromEntries(
      Array.from({ length: COMMANDS }, (_, i) => [`s${i}`, { exec: [script("long")] }]),
    );
    const body = { workflow: { name: "orphans", stages }, workspace: cluster.workspace };
    const { run_id } = await cluster.call<{ run_id: string }>("POST", "/v1/runs", body);
    const living = (): number => livingExecs(cluster.workspace).size;
    await until("all commands run", async () => (living() === COMMANDS ? true : undefined));
    await cluster.kill(cluster.agents[0]!);
    // no fact to wait for: that nothing happens in this time is what is measured
    await pause(LEASE_MS + GRACE_MS + 1_000);
    const outlived = living();
    await cluster.call("POST", `/v1/runs/${run_id}/cancel`, {});
    const begun = performance.now();
    cluster.startAgent(1, flags);
    await until("they are ended", async () => (living() === 0 ? true : undefined), 30_000);
    return { commands: COMMANDS, outlived, adopted_ms: Math.round(performance.now() - begun) };
  } finally {
    await cluster.close();
  }
}
