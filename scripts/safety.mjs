// The figures of the safety gate: `node scripts/safety.mjs [--runs N]`. Needs a build. Every figure names what it counts, a part
// that cannot run says so by name, and the exit code is 1 where a promise is broken.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { builtInPolicy, judgeExec, judgeWorkflow, parseWorkflow, policyDigest } from "orchestrator-core";
import { checkGrant } from "../packages/agent/dist/check/grant.js";
import { rows } from "../packages/core/dist/policy/tables/index.js";
import { shells } from "../packages/core/dist/policy/tables/shells.js";

/** The words of a table's example: split at blanks, with quotes, and with every other character as it stands. */
const wordsOf = (example) =>
  typeof example === "string"
    ? (example.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []).map((word) => word.replace(/'([^']*)'|"([^"]*)"/g, "$1$2"))
    : [...example];

const examplesOf = (rows, kind) => rows.flatMap((row) => row[kind].map(wordsOf));

const flag = process.argv.indexOf("--runs");
const RUNS = flag < 0 ? 100_000 : Number(process.argv[flag + 1]);
let broken = 0;
const say = (name, figure, good = true) => {
  if (!good) broken++;
  console.log(`${good ? "ok    " : "BROKEN"} ${name}: ${figure}`);
};

// one seed, so that a failure can be seen again
let state = 0x9e3779b9;
function random(below) {
  state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0;
  return ((state ^ (state >>> 13)) >>> 0) % below;
}
const pick = (list) => list[random(list.length)];

const command = (argv, more = {}) => ({
  argv,
  cwd: ".",
  env: {},
  secrets: {},
  timeout_ms: null,
  idle_timeout_ms: null,
  stop: { signal: "SIGTERM", grace_ms: null },
  allow_shell: false,
  allow_failure: false,
  ...more,
});
const block = (...commands) => ({ commands, effects: "idempotent", timeout_ms: null });
const verdictOf = (argv) => judgeExec(block(command(argv)), "operator", "")[0].verdict;

const refused = examplesOf([...shells, ...rows], "match");
const harmless = examplesOf([...shells, ...rows], "not_match");

console.log(
  `policy ${policyDigest}: ${shells.length + rows.length} rows, ${refused.length} + ${harmless.length} examples\n`,
);
wrappings();
equality();
decisionTime();
await corpus();
process.exitCode = broken === 0 ? 0 : 1;

/** Wrapping a refused command never makes it allowed. */
function wrappings() {
  const sound = [
    () => ["env", ...pick([[], ["-i"], ["-u", "X"], ["A=b"], ["--"]])],
    () => ["nice", ...pick([[], ["-n", "5"], ["-5"], ["--adjustment=1"]])],
    () => ["timeout", ...pick([[], ["-k", "1"], ["--signal=KILL"]]), pick(["5", "0.5s", "1h"])],
    () => ["nohup"],
    () => ["setsid", ...pick([[], ["-w"]])],
    () => ["stdbuf", pick(["-oL", "--output=0"])],
    () => ["time", ...pick([[], ["-p"]])],
    () => ["xargs", ...pick([[], ["-n1"], ["-P", "4"], ["-0"]])],
    () => ["flock", ...pick([[], ["-n"]]), "lock"],
    () => ["busybox"],
    () => ["taskset", "-c", "0"],
    () => ["ionice", "-c3"],
    () => ["strace", "-f", "-o", "out"],
    () => ["watch", "-x"],
    () => ["npx", "--no-install"],
    () => ["docker", "exec", ...pick([[], ["-it"], ["-u", "x"]]), "container"],
    () => ["docker", "run", "--rm", "image"],
    () => ["kubectl", "exec", "pod", "--"],
    () => ["poetry", "run"],
    () => ["uv", "run"],
    () => ["bundle", "exec"],
    () => ["cmake", "-E", "env"],
    () => ["perf", "stat"],
  ];
  let allowed = 0;
  let first = "";
  for (let i = 0; i < RUNS; i++) {
    const argv = [...Array.from({ length: 1 + random(6) }, () => pick(sound)()).flat(), ...pick(refused)];
    if (verdictOf(argv) === "deny") continue;
    allowed++;
    first ||= JSON.stringify(argv);
  }
  say(
    "wrappings of refused commands that are allowed",
    `${allowed} of ${RUNS}${first && `, first ${first}`}`,
    allowed === 0,
  );
  const denied = harmless.filter((argv) => verdictOf(["env", "A=b", "timeout", "5", ...argv]) !== "allow");
  say(
    "harmless commands refused because they are wrapped",
    `${denied.length} of ${harmless.length}`,
    denied.length === 0,
  );
}

/** Daemon and agent come to the same verdict on the same block. */
function equality() {
  const words = [...new Set([...refused, ...harmless].flat())];
  let unequal = 0;
  for (let i = 0; i < RUNS; i++) {
    const argv = random(2) === 0 ? [...pick(refused)] : Array.from({ length: 1 + random(6) }, () => pick(words));
    if (argv[0] === "") argv[0] = "x";
    const role = pick(["operator", "proposer"]);
    const spec = {
      argv,
      allow_shell: random(2) === 0,
      cwd: pick([".", "a", "a/b"]),
      env: { [pick(["A", "LD_PRELOAD", "CC"])]: pick(["b", "gcc", { secret: "s" }]) },
    };
    if (!isEqual(spec, role)) unequal++;
  }
  say("fuzzed specs whose verdicts differ between daemon and agent", `${unequal} of ${RUNS}`, unequal === 0);
}

/** Whether daemon and agent say the same of one command, byte for byte. What is no workflow neither ever judges. */
function isEqual(spec, role) {
  const parsed = parseWorkflow({ name: "w", stages: { a: { exec: [spec] } } });
  if (!parsed.ok) return true;
  const daemon = judgeWorkflow(parsed.value, role).stages.get("a");
  // what travels is JSON
  const grant = JSON.parse(
    JSON.stringify({ stage_id: "a", role, exec: parsed.value.stages.a.exec, exec_digest: "", approval: null }),
  );
  return JSON.stringify(daemon) === JSON.stringify(checkGrant(grant, { policy: builtInPolicy, now: 0 }).verdicts);
}

function decisionTime() {
  const all = [...refused, ...harmless];
  for (const argv of all) verdictOf(argv);
  const times = Array.from({ length: 20_000 }, () => cpuMs(pick(all))).sort((a, b) => a - b);
  const at = (share) => times[Math.floor(times.length * share)];
  say("CPU time of a decision, p50 and p99", `${at(0.5).toFixed(3)} ms, ${at(0.99).toFixed(3)} ms`, at(0.99) < 1);
  const fill = (text, chars) => text.repeat(Math.ceil(chars / text.length)).slice(0, chars);
  let worst = [0, ""];
  for (const program of [
    "env",
    "awk",
    "sed",
    "git",
    "find",
    "tar",
    "make",
    "python3",
    "poetry",
    "docker",
    "psql",
    "gcc",
    "xargs",
  ]) {
    for (const text of ["a", "/", "-", "-e ", "=", "[", "{", "'", "\\", "s/", "|", "sh ", "ext::", "a="]) {
      for (const argv of [
        [program, ...Array(7).fill(fill(text, 128 * 1024 - 1))],
        [program, ...Array(4_000).fill(fill(text, 250))],
        [program, "exec", ...Array(4_000).fill(text)],
      ]) {
        // the least of three: what a busy machine adds is none of ours
        const ms = Math.min(cpuMs(argv), cpuMs(argv), cpuMs(argv));
        if (ms > worst[0]) worst = [ms, `${program} with ${JSON.stringify(text)}`];
      }
    }
  }
  say("CPU time of the slowest of the commands of 1 MB", `${worst[0].toFixed(1)} ms (${worst[1]})`, worst[0] < 50);
}

function cpuMs(argv) {
  const before = process.cpuUsage();
  verdictOf(argv);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** Labelled commands that are not part of the project, where they lie beside it. */
async function corpus() {
  const file = findBeside(join("shared", "corpora", "corpus-public.json"));
  if (file === null)
    return console.log("skip   labelled corpus: no shared/corpora/corpus-public.json beside the project");
  const { readFileSync } = await import("node:fs");
  const { default: answer } = await import("./corpus-adapter.mjs");
  const suites = new Map();
  let compared = 0;
  let unequal = 0;
  for (const item of JSON.parse(readFileSync(file, "utf8")).items) {
    if (item.suite === "unscored" || item.suite === "containment") continue;
    if (Array.isArray(item.argv)) {
      compared++;
      const spec = { argv: item.argv, allow_shell: true, ...(item.env === undefined ? {} : { env: item.env }) };
      if (!["operator", "proposer"].every((role) => isEqual(spec, role))) unequal++;
    }
    const name = `${item.suite} ${item.tier}${item.platform === undefined ? "" : ` (${item.platform})`}`;
    const suite = suites.get(name) ?? { cases: 0, wrong: 0 };
    suite.cases++;
    if ((await answer(item)) !== item.expected) suite.wrong++;
    suites.set(name, suite);
  }
  for (const [name, { cases, wrong }] of [...suites].sort(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`       corpus ${name}: ${wrong} wrong of ${cases}`);
  const sum = (of) =>
    [...suites].filter(([name]) => of(name)).reduce((all, [, s]) => [all[0] + s.wrong, all[1] + s.cases], [0, 0]);
  const [a, ab, benign, exact] = [
    sum((name) => name === "shell-block A"),
    sum((name) => /^shell-block [AB]$/.test(name)),
    sum((name) => name.startsWith("benign")),
    sum((name) => /^(?:env|path|fs|schema)/.test(name)),
  ];
  say(
    "corpus: verdicts that differ between daemon and agent",
    `${unequal} of ${compared}`,
    unequal === 0 && compared > 0,
  );
  say("corpus: bypasses in tier A", a.join(" of "), a[0] === 0);
  say("corpus: bypasses in tiers A and B", ab.join(" of "), ab[0] <= 0.01 * ab[1]);
  say("corpus: false alarms", benign.join(" of "), benign[0] <= 0.02 * benign[1]);
  say("corpus: wrong answers on variables, paths, files, schema", exact.join(" of "), exact[0] === 0);
}

function findBeside(name) {
  for (let directory = import.meta.dirname; directory !== dirname(directory); directory = dirname(directory)) {
    if (existsSync(join(directory, name))) return join(directory, name);
  }
  return null;
}
