import { chownSync, readFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { KEEPER, keptProcesses } from "../../src/index.ts";
import { makePlace, type Place, readBundle } from "../fixtures.ts";
import { BIN, serve, spawnAgent } from "../processes.ts";
import { scriptDaemon, shell } from "../scripted-daemon.ts";
import { AWKWARD, awkwardTree, keepersOf, processes, sleepers, uniqueSleep, until } from "./trees.ts";

const kept = keptProcesses(KEEPER) !== null;
const OTHER = 65_534;
const asOther = ["setpriv", `--reuid=${OTHER}`, `--regid=${OTHER}`, "--clear-groups"];
/** As root, and where the checkout can be read by others. */
const canDrop = kept && spawnSync(asOther[0]!, [...asOther.slice(1), process.execPath, BIN, "--version"]).status === 0;

function giveTo(uid: number, { state, workspace }: Place): void {
  const tokens = join(state, "tokens");
  for (const path of [dirname(state), state, tokens, join(tokens, "agent"), workspace]) chownSync(path, uid, uid);
}

/** A real agent that was granted an awkward tree with two commands beside it. */
async function agentWithTrees(
  given: { readonly lease_ms?: number; readonly wrap?: readonly string[]; readonly keeper?: "none" } = {},
) {
  const place = makePlace();
  if (given.wrap !== undefined) giveTo(OTHER, place);
  const daemon = scriptDaemon(place.workspace, given.lease_ms);
  const args = ["--daemon", await serve(daemon), "--slots", "2", "--grace", "50ms"];
  if (given.keeper !== undefined) args.push("--keeper", given.keeper);
  const agent = spawnAgent(place, args, given.wrap === undefined ? {} : { wrap: given.wrap });
  const seconds = uniqueSleep();
  const job = { exec: { commands: [shell(awkwardTree(seconds, "while :; do wait; done"))] } };
  await daemon.until(() => daemon.requests.length > 0);
  const [grant] = daemon.queue(job, job);
  return { place, daemon, agent, seconds, grant: grant! };
}

const grown = (seconds: string) => until(() => sleepers(seconds).length === 2 * AWKWARD);

/**
 * Commands, keepers, sandboxes, and what the agent had forked when it died: a keeper that is not itself yet, and goes when it
 * is.
 */
const leftOf = ({ agent, seconds, place }: Awaited<ReturnType<typeof agentWithTrees>>): number[] => [
  ...sleepers(seconds),
  ...keepersOf(agent.pid),
  ...processes((cmdline) => [place.state, place.workspace].some((path) => cmdline.includes(`\0${path}\0`))),
];

test.runIf(kept)("an agent that is stopped past its lease finds its commands ended, and does not succeed", async () => {
  const { daemon, agent, seconds, grant, place } = await agentWithTrees({ lease_ms: 1_000 });
  await grown(seconds);
  agent.child.kill("SIGSTOP");
  await until(() => sleepers(seconds).length === 0);
  agent.child.kill("SIGCONT");
  await daemon.until(() => daemon.reportOf(grant.exec_id) !== undefined);
  const manifest = daemon.manifestOf(grant.exec_id);
  expect(manifest).toMatchObject({ result: "failed", reason: "lease_lost", supervisor: "keeper" });
  const [ran] = manifest.commands;
  expect(ran).toMatchObject({ exit: { code: null, signal: "SIGKILL" }, survivors: 0 });
  expect(ran!.signalled[0]).toMatchObject({
    signal: "SIGTERM",
    why: "its lease was over, and its agent had not ended it",
  });
  expect(readBundle(place.state, manifest).manifest()).toEqual(manifest);
});

test.runIf(canDrop)("what an agent of an ordinary user ran ends with it", async () => {
  const scene = await agentWithTrees({ wrap: asOther });
  await grown(scene.seconds);
  scene.agent.child.kill("SIGKILL");
  await until(() => leftOf(scene).length === 0);
});

const KILLS = Number(process.env.KEEPER_KILLS ?? 8);
const WORLDS = [
  { world: "beside their commands", can: kept, given: {} },
  // its commands are in a sandbox, where there is one
  { world: "of an ordinary user, in a sandbox where there is one", can: canDrop, given: { wrap: asOther } },
];

test.each(WORLDS.filter(({ can }) => can))(
  `of ${KILLS} agents killed $world no process survives`,
  { timeout: 1_200_000 },
  async ({ world, given }) => {
    let survivors = 0;
    let slowest_ms = 0;
    let killed_while_growing = 0;
    const trees: string[] = [];
    for (let i = 0; i < KILLS; i++) {
      const scene = await agentWithTrees(given);
      const { agent, seconds } = scene;
      trees.push(seconds);
      // every second one while its commands start, which is where supervisors leak
      if (i % 2 === 0) await grown(seconds);
      else await pause(Math.random() * 60);
      if (sleepers(seconds).length < 2 * AWKWARD) killed_while_growing++;
      agent.child.kill("SIGKILL");
      const begun = performance.now();
      await agent.exited;
      await until(() => leftOf(scene).length === 0, 5_000).catch(() => undefined);
      slowest_ms = Math.max(slowest_ms, performance.now() - begun);
      survivors += leftOf(scene).length;
    }
    console.info(
      `${KILLS} agents killed ${world}, ${killed_while_growing} while a tree grew: ${survivors} survivors; the last process ended ${Math.round(slowest_ms)} ms after its agent`,
    );
    expect(survivors).toBe(0);
    // nor did any come to life later
    expect(trees.flatMap(sleepers)).toEqual([]);
  },
);

test(`of ${KILLS} agents killed without a keeper the next start ends what it can know`, {
  timeout: 1_200_000,
}, async () => {
  let survived = 0;
  let unknown = 0;
  let left = 0;
  for (let i = 0; i < KILLS; i++) {
    const { agent, seconds, place, daemon, grant } = await agentWithTrees({ keeper: "none" });
    await grown(seconds);
    agent.child.kill("SIGKILL");
    await agent.exited;
    survived += sleepers(seconds).length;
    const next = spawnAgent(place, ["--daemon", await serve(daemon), "--keeper", "none", "--grace", "50ms"]);
    await daemon.until(() => daemon.reportOf(grant.exec_id) !== undefined);
    // what it cannot: a process in a session of its own that took its environment away, so that it has no mark
    const nameless = sleepers(seconds).filter((pid) => readFileSync(`/proc/${pid}/environ`).length === 0);
    await until(() => sleepers(seconds).length <= nameless.length, 5_000).catch(() => undefined);
    unknown += nameless.length;
    left += sleepers(seconds).length - nameless.length;
    for (const pid of nameless) process.kill(pid, "SIGKILL");
    next.child.kill("SIGKILL");
  }
  console.info(
    `${KILLS} agents killed without a keeper: ${survived} processes survived; after the next start ${left}, and ${unknown} that had taken their environment away`,
  );
  expect(left).toBe(0);
});
