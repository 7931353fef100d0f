// The gate as a corpus of labelled commands sees it: for corpora whose scorer calls `(item) => "allowed" | "blocked"`.
// It hands the command, its variables and its set-up to what daemon and agent use, and looks at nothing else. Where a
// case prepares files, the agent's file verdict is asked as well. `ask` counts as blocked everywhere.
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { realFiles } from "orchestrator-agent";
import { builtInPolicy, judgeWorkflow, parseWorkflow } from "orchestrator-core";
import { findProgram, judgeFile } from "../packages/agent/dist/check/program.js";
import { makeTwins } from "../packages/agent/dist/check/twins.js";
import { findCwd, resolveBeneath } from "../packages/agent/dist/check/workspace.js";

/** Answers of the gate by verdict. The share that asks is printed at the end. */
export const answers = { allow: 0, ask: 0, deny: 0 };
const say = (verdict) => {
  answers[verdict]++;
  return verdict === "allow" ? "allowed" : "blocked";
};
process.on("exit", () => {
  const all = answers.allow + answers.ask + answers.deny;
  if (all > 0) console.log(`verdicts: allow ${answers.allow}, ask ${answers.ask}, deny ${answers.deny} of ${all}`);
});

const PATH = "/usr/local/bin:/usr/bin:/bin";
const twins = makeTwins(realFiles);

export default async function answer(item) {
  if (item.path !== undefined) return say(withWorkspace(item, (workspace) => judgePath(item, workspace)));
  const spec = specOf(item);
  if (spec === null) return say("deny");
  const { verdict } = judgeWorkflow(spec, "operator");
  if (verdict !== "allow" || item.suite !== "fs-resolve") return say(verdict);
  return say(withWorkspace(item, (workspace) => judgeProgram(spec.stages.case.exec, workspace)));
}

/** The command as a workflow file would carry it. Null: the file is refused. */
function specOf(item) {
  const set = (item.setup ?? []).find(({ type }) => type === "env");
  const { type: _type, ...variables } = set ?? {};
  const env = { ...variables, ...item.env };
  const command = item.block ?? { argv: item.argv, ...(Object.keys(env).length === 0 ? {} : { env }) };
  const parsed = parseWorkflow({ name: "case", stages: { case: { exec: [command] } } });
  return parsed.ok ? parsed.value : null;
}

/** What the agent looks up just before the command would start. */
function judgeProgram(exec, workspace) {
  const cwd = findCwd(realFiles, workspace, exec.commands[0].cwd);
  if (!cwd.ok) return "deny";
  const found = findProgram(realFiles, exec.commands[0].argv[0], { cwd: cwd.value, workspace, path: PATH });
  if (!found.ok) return "deny";
  const grant = { exec, stage_id: "case", role: "operator", exec_digest: "", approval: null };
  return judgeFile(realFiles, twins, {
    grant,
    index: 0,
    found: found.value,
    workspace,
    under: { policy: builtInPolicy, now: 0 },
    program: undefined,
  }) === null
    ? "allow"
    : "deny";
}

function judgePath({ path }, workspace) {
  return resolveBeneath(realFiles, workspace, inPlace(path, workspace)).ok ? "allow" : "deny";
}

const inPlace = (text, workspace) =>
  text.replaceAll("@WS_UPPER@", workspace.toUpperCase()).replaceAll("@WS@", workspace);

/** Prepares what the case wants in an empty workspace. */
function withWorkspace({ setup = [] }, judge) {
  const workspace = realpathSync(mkdtempSync(join(tmpdir(), "orchestrator-corpus-")));
  try {
    for (const { type, path, target, content, from, mode } of setup) {
      if (path === undefined) continue;
      const at = join(workspace, path);
      mkdirSync(dirname(at), { recursive: true });
      if (type === "dir") mkdirSync(at, { recursive: true });
      else if (type === "symlink") symlinkSync(inPlace(target, workspace), at);
      else if (type === "hardlink" || type === "link") linkOrCopy(from ?? target, at);
      else if (type === "copy") copyFileSync(from, at);
      else writeFileSync(at, inPlace(content ?? "", workspace));
      if (mode !== undefined && type !== "symlink") chmodSync(at, mode);
    }
    return judge(workspace);
  } finally {
    rmSync(workspace, { recursive: true, force: true });
  }
}

function linkOrCopy(from, at) {
  try {
    linkSync(realpathSync(from), at);
  } catch {
    // another file system
    copyFileSync(from, at);
  }
}
