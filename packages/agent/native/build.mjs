// Compiles the keeper where there is a C compiler. Without one the agent starts its commands itself, and its manifests
// say so (`supervisor: none`). `node build.mjs [PROGRAM]`
import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

const source = join(import.meta.dirname, "keeper.c");
const program = process.argv[2] ?? join(import.meta.dirname, "..", "dist", "native", "orchestrator-keeper");
const draft = `${program}.${process.pid}`;

function isUpToDate() {
  const built = statSync(program, { throwIfNoEntry: false });
  return built !== undefined && built.mtimeMs > statSync(source).mtimeMs;
}

function build() {
  if (process.platform !== "linux") return "it needs Linux";
  mkdirSync(dirname(program), { recursive: true });
  // a static program has less to copy at each fork: a tenth of what a command costs. Not every system has the library
  let cc = compile("-static");
  if (cc.status !== 0) cc = compile();
  if (cc.error !== undefined) return cc.error.message;
  if (cc.status !== 0) return cc.stderr.trim().split("\n")[0];
  renameSync(draft, program);
  return null;
}

function compile(...link) {
  const flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", ...link];
  return spawnSync(process.env.CC ?? "cc", [...flags, "-o", draft, source], { encoding: "utf8" });
}

if (!isUpToDate()) {
  const failure = build();
  rmSync(draft, { force: true });
  if (failure !== null) console.log(`keeper: not built (${failure}); commands will run without one`);
}
