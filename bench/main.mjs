// npm run bench [-- --rounds N] [-- --only P1,P2] [-- --smoke]
// One table: each figure the median of its rounds with min and max, beside the floor of the same rounds. Rounds go floor,
// ours, floor, ours …, so a machine whose speed drifts slows both. Ratios are of pairs. Fresh directories for every
// round; everything is deleted at the end and not before, since a filesystem is slow for a while after a large delete.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
const command = join(here, "..", "packages", "cli", "bin", "orchestrator.js");
const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    only: { type: "string", default: "" },
    smoke: { type: "boolean", default: false },
  },
});

const wide = (count) => Array.from({ length: count }, () => []);
const chain = (count) => Array.from({ length: count }, (_, i) => (i === 0 ? [] : [i - 1]));
const layers = (depth, width, fan) =>
  Array.from({ length: depth * width }, (_, i) =>
    i < width ? [] : Array.from({ length: fan }, (_, k) => Math.floor(i / width - 1) * width + ((i + k) % width)),
  );

/** `goal`: the largest ratio to the floor. `gross`: what a smoke run takes for a regression. */
const works = [
  { id: "P1", what: "1,000 independent stages, 2 slots", graph: wide(1_000), slots: 2, goal: 1.4, gross: 4 },
  { id: "P1", what: "1,000 independent stages, 8 slots", graph: wide(1_000), slots: 8, goal: 1.25, gross: 4 },
  { id: "P2", what: "chain of 200", graph: chain(200), slots: 2, floor_slots: 1, goal: 2.2, gross: 8 },
  { id: "P3", what: "10 layers of 50, 5 requirements each", graph: layers(10, 50, 5), slots: 8, goal: 1.25, gross: 5 },
];

const place = mkdtempSync(join(tmpdir(), "orchestrator-bench-"));
process.on("exit", () => {
  spawnSync("chmod", ["-R", "u+w", place]);
  rmSync(place, { recursive: true, force: true });
});

function run(argv, cwd) {
  const begun = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { cwd, encoding: "utf8", maxBuffer: 1 << 28 });
  const ms = performance.now() - begun;
  if (status !== 0) throw new Error(`${argv.join(" ")} ended with ${status}: ${stderr}`);
  return { ms, stdout };
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const shown = (values, digits = 0) =>
  `${median(values).toFixed(digits)} [${Math.min(...values).toFixed(digits)}-${Math.max(...values).toFixed(digits)}]`;

function measure({ graph, slots, floor_slots = slots }, rounds) {
  const floor = [];
  const ours = [];
  for (let round = -1; round < rounds; round++) {
    const directory = mkdtempSync(join(place, "round-"));
    const file = join(directory, "workflow.json");
    const stages = Object.fromEntries(
      graph.map((requires, i) => [`s${i}`, { requires: requires.map((r) => `s${r}`), exec: [["/bin/true"]] }]),
    );
    writeFileSync(file, JSON.stringify({ name: "bench", stages }));
    mkdirSync(join(directory, "floor"));
    const { stdout } = run([join(here, "floor.mjs"), file, String(floor_slots), join(directory, "floor")], directory);
    const { ms } = run([command, "--state", "state", "--quiet", "run", "--slots", String(slots), file], directory);
    // the first round warms the machine
    if (round < 0) continue;
    floor.push(Number(stdout));
    ours.push(ms);
  }
  return { floor, ours, ratio: ours.map((ms, i) => ms / floor[i]) };
}

const rounds = flags.smoke ? 1 : Number(flags.rounds);
const only = flags.only === "" ? null : new Set(flags.only.split(","));
console.log(
  `${cpus()[0]?.model ?? "?"}, ${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GB, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`,
);
console.log(`median [min-max] of ${rounds}; ms; wall clock of \`orchestrator run\`, cold start and close included\n`);
console.log("|  | work | floor | ours | ms a stage | ratio | goal |\n|---|---|---|---|---|---|---|");
let gross = 0;
for (const work of works) {
  if (only !== null && !only.has(work.id)) continue;
  const { floor, ours, ratio } = measure(work, rounds);
  const stage = ours.map((ms) => ms / work.graph.length);
  const met = median(ratio) <= work.goal ? "met" : "not met";
  console.log(
    `| ${work.id} | ${work.what} | ${shown(floor)} | ${shown(ours)} | ${shown(stage, 1)} | ${shown(ratio, 2)} | <= ${work.goal}: ${met} |`,
  );
  if (flags.smoke && median(ratio) > work.gross) gross++;
}
if (gross > 0) {
  console.error(`\n${gross} of these are far above their floor: a gross regression`);
  process.exitCode = 1;
}
