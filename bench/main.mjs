// npm run bench [-- --rounds N] [-- --only P1,P4] [-- --smoke] [-- --peers] [-- --peers-dir DIR] [-- --profile DIR]
// One table: each figure the median of its rounds with min and max, beside its floor and its peers of the same rounds.
// README.md says what each work is. Everything is written into fresh directories and deleted at the end, not before.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { machine } from "./parts/machine.mjs";
import { findPeers } from "./parts/peers.mjs";
import { tableHead, tableRow } from "./parts/table.mjs";
import { works } from "./works/index.mjs";

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string" },
    only: { type: "string", default: "" },
    smoke: { type: "boolean", default: false },
    peers: { type: "boolean", default: false },
    "peers-dir": { type: "string", default: "." },
    profile: { type: "string" },
  },
});
const rounds = Number(flags.rounds ?? (flags.smoke ? 1 : 5));
const only = flags.only === "" ? null : new Set(flags.only.split(","));
const known = new Set(works.map(({ id }) => id));
const unknown = [...(only ?? [])].filter((id) => !known.has(id));
if (!Number.isInteger(rounds) || rounds < 1) usage(`--rounds ${flags.rounds} is not a whole number from 1`);
if (unknown.length > 0) usage(`--only knows ${[...known].join(", ")}, not ${unknown.join(", ")}`);

function usage(message) {
  console.error(`error: ${message}`);
  process.exit(2);
}

const place = mkdtempSync(join(tmpdir(), "orchestrator-bench-"));
const fresh = () => mkdtempSync(join(place, "round-"));
process.on("exit", () => {
  // bundles are read-only
  spawnSync("chmod", ["-R", "u+w", place]);
  rmSync(place, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));

const peers = flags.peers ? await findPeers(resolve(flags["peers-dir"])) : { found: [], missing: [] };
if (flags.profile !== undefined) mkdirSync(flags.profile, { recursive: true });
const bench = {
  place,
  fresh,
  smoke: flags.smoke,
  peers: peers.found,
  profile: flags.profile === undefined ? null : resolve(flags.profile),
};

console.log(machine());
for (const { name, version } of peers.found) console.log(`peer: ${name} ${version}`);
for (const { name, reason } of peers.missing) console.log(`skipped peer: ${name} (${reason})`);
console.log(`\nmedian [min-max] of ${rounds}; ratio: ours / what stands beside it, by pairs of the same round\n`);
console.log(tableHead);
const failures = [];
for (const work of works) {
  if (only !== null && !only.has(work.id)) continue;
  if (flags.smoke && work.smoke === false) continue;
  const why = work.cannot?.(bench, rounds) ?? null;
  if (why !== null) {
    console.log(`| ${work.id} | ${work.what(bench)} | | | skipped: ${why} | | |`);
    continue;
  }
  try {
    const state = (await work.prepare?.(bench)) ?? null;
    const values = [];
    // the first round warms the machine
    if (work.warm === true && !flags.smoke) await work.round(bench, state, -1);
    for (let round = 0; round < rounds; round++) values.push(await work.round(bench, state, round));
    await work.finish?.(state);
    for (const figure of work.figures(bench)) {
      const { lines, gross } = tableRow(work, figure, values, bench);
      for (const line of lines) console.log(line);
      if (flags.smoke && gross !== null) failures.push(gross);
    }
  } catch (error) {
    console.log(`| ${work.id} | ${work.what(bench)} | | | failed | | |`);
    failures.push(`${work.id} ${work.what(bench)}: ${error.stack}`);
  }
}
for (const failure of failures) console.error(`\n${failure}`);
process.exit(failures.length > 0 ? 1 : 0);
