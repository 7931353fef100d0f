// P1 to P3: stages that are real processes, by `orchestrator run`: cold start and close included, beside the same work
// done by floor.mjs.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chain, layers, wide, workflow } from "../parts/graphs.mjs";
import { askPeers } from "../parts/peers.mjs";
import { whole } from "../parts/table.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const command = join(here, "..", "..", "packages", "cli", "bin", "orchestrator.cjs");
const floor = join(here, "..", "floor.mjs");

/** Runs a program to its end. `ms`: how long it took. */
function timed({ file, args, cwd, env = process.env }) {
  const begun = performance.now();
  const { status, signal, stdout, stderr, error } = spawnSync(file, args, {
    cwd,
    env,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const ms = performance.now() - begun;
  if (status !== 0)
    throw error ?? new Error(`${file} ${args.join(" ")} ended with ${status ?? signal}: ${stderr}${stdout}`);
  return { ms, stdout };
}

const work = ({ id, what, graph, slots, floor_slots = slots, goal, gross }) => ({
  id,
  what,
  warm: true,
  async round(bench) {
    const stages = graph(bench);
    const directory = bench.fresh();
    const file = join(directory, "workflow.json");
    writeFileSync(file, JSON.stringify(workflow(stages)));
    const of_floor = join(directory, "floor");
    mkdirSync(of_floor);
    const values = {
      floor: Number(
        timed({ file: process.execPath, args: [floor, file, String(floor_slots), of_floor], cwd: directory }).stdout,
      ),
      ours: timed({
        file: process.execPath,
        args: [command, "--state", "state", "--quiet", "run", "--slots", String(slots), file],
        cwd: directory,
      }).ms,
    };
    const of_peers = await askPeers(bench, "stages", (peer) => {
      if (peer.fits?.(stages) === false) return {};
      const cwd = join(directory, peer.name);
      mkdirSync(cwd);
      peer.prepare(stages, cwd);
      return { ours: timed({ cwd, ...peer.command(slots, cwd) }).ms };
    });
    Object.assign(values, of_peers);
    values.stage = values.ours / stages.length;
    values.floor_stage = values.floor / stages.length;
    return values;
  },
  figures: () => [
    {
      key: "ours",
      unit: "ms",
      beside: { key: "floor", name: "floor" },
      goal: { of: "ratio", max: goal },
      gross: { max: gross },
    },
    ...(id === "P2"
      ? [
          {
            key: "stage",
            what: "a stage",
            unit: "ms",
            digits: 1,
            beside: { key: "floor_stage", name: "floor" },
            goal: { of: "value", max: 8 },
          },
        ]
      : []),
  ],
});

const independent = ({ smoke }) => wide(smoke ? 200 : 1_000);

export const stagesWorks = [
  {
    id: "P1",
    what: (bench) => `${whole(independent(bench).length)} independent stages, 2 slots`,
    graph: independent,
    slots: 2,
    goal: 1.4,
    gross: 10,
  },
  {
    id: "P1",
    what: (bench) => `${whole(independent(bench).length)} independent stages, 8 slots`,
    graph: independent,
    slots: 8,
    goal: 1.25,
    gross: 10,
  },
  {
    id: "P2",
    what: ({ smoke }) => `chain of ${smoke ? 40 : 200}`,
    graph: ({ smoke }) => chain(smoke ? 40 : 200),
    slots: 2,
    floor_slots: 1,
    goal: 2.2,
    gross: 30,
  },
  {
    id: "P3",
    what: ({ smoke }) => `10 layers of ${smoke ? 20 : 50}, 5 requirements each`,
    graph: ({ smoke }) => layers(10, smoke ? 20 : 50, 5),
    slots: 8,
    goal: 1.25,
    gross: 10,
  },
].map(work);
