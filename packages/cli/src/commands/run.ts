import { randomUUID } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { isAbsolute, relative, resolve } from "node:path";
import { type ExitName, ProblemError } from "orchestrator-core";
import { findDaemon } from "orchestrator-daemon/state";
import type { Context } from "../context.ts";
import { attachToRunning } from "../daemon/attach.ts";
import { findRun } from "../daemon/find-run.ts";
import { problemError, usageError } from "../errors.ts";
import type { SandboxFlags } from "../local/agent.ts";
import { runName } from "../render/run.ts";
import { sayWhatGoesOnToo, sayWhatStaysOpen } from "../watch/beside.ts";
import { exitOfRun, showEnd } from "../watch/end.ts";
import { type Host, openHost } from "../watch/host.ts";
import { makeProgress } from "../watch/progress.ts";
import { watchRun } from "../watch/watch.ts";
import { readWorkflow } from "../workflow-file.ts";
import { noDaemon } from "./stop.ts";

export interface RunOptions extends SandboxFlags {
  readonly continue?: string;
  readonly detach?: boolean;
  readonly workspace?: string;
  readonly slots?: number;
}

/** Runs a workflow, or goes on with a run, and watches it to its end. */
export async function run(context: Context, file: string | undefined, options: RunOptions): Promise<ExitName> {
  if ((file === undefined) === (options.continue === undefined)) {
    throw usageError("give a workflow file, or --continue RUN to go on with a run, and not both");
  }
  if (options.continue !== undefined) return goOn(context, options.continue, options);
  return submitAndWatch(context, file!, options);
}

async function submitAndWatch(context: Context, file: string, options: RunOptions): Promise<ExitName> {
  // before anything is started or stored
  const workspace = workspaceOf(context, options);
  const { document } = readWorkflow(context, file, workspace);
  const request = {
    body: { workflow: document, workspace },
  };
  const idempotency_key = randomUUID();
  if (options.detach === true) {
    const running = await attachToRunning(context);
    if (running === null) throw noDaemon(context);
    const submitted = await running.link.call("submitRun", request, { idempotency_key });
    context.io.out(context.json ? `${JSON.stringify(submitted)}\n` : `${submitted.run_id}\n`);
    return "ok";
  }
  return withHost(context, options, [context.cwd, workspace], async (host) => {
    const { run_id } = await host
      .talk((link) => link.call("submitRun", request, { idempotency_key }))
      .catch((error: unknown) => {
        throw withoutRequestPlaces(error);
      });
    return { run_id, from_start: true };
  });
}

function workspaceOf(context: Context, { workspace = "." }: RunOptions): string {
  const path = resolve(context.cwd, workspace);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    const hint = "give a directory that is there: commands work in it, and it is never created";
    throw problemError("workspace-missing", `the workspace ${workspace} is not a directory`, hint);
  }
  return path;
}

/** What the daemon says of the workspace has a place in the request, which is none in the file. */
function withoutRequestPlaces(error: unknown): unknown {
  if (!(error instanceof ProblemError)) return error;
  const [first, ...more] = error.problems.map((problem) => {
    const { place, ...rest } = problem;
    return place?.path === "/workspace" ? rest : problem;
  });
  return new ProblemError(first!, ...more);
}

async function goOn(context: Context, wanted: string, options: RunOptions): Promise<ExitName> {
  if (options.detach === true) throw usageError("--detach goes with a file, not with --continue");
  if (context.access.daemon === null && !existsSync(context.state))
    throw problemError("run-unknown", `there is no state directory ${context.state_shown}`);
  const roots = [context.cwd, ...(options.workspace === undefined ? [] : [resolve(context.cwd, options.workspace)])];
  return withHost(context, options, roots, async (host) => {
    const run_id = await host.talk((link) => findRun(link, wanted));
    const { run: summary } = await host.talk((link) => link.call("showRun", { params: { run_id } }));
    if (host.own && !roots.some((root) => isBeneath(root, summary.workspace))) {
      const again = context.commandLine("run", "--continue", run_id, "--workspace", summary.workspace);
      throw problemError("workspace-outside", `run ${run_id} works in ${summary.workspace}, outside of here`, again);
    }
    return { run_id, from_start: false };
  });
}

function isBeneath(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === "" || !(way === ".." || way.startsWith("../") || isAbsolute(way));
}

/** Watches the run that `begin` names on a daemon, and says how it ended. */
async function withHost(
  context: Context,
  options: RunOptions,
  roots: readonly string[],
  begin: (host: Host) => Promise<{ run_id: string; from_start: boolean }>,
): Promise<ExitName> {
  const progress = makeProgress(context);
  const running = findDaemon(context.state);
  for (const flag of ["slots", "sandbox", "sandboxUser", "sandboxRead"] as const) {
    if (options[flag] === undefined || running === null || running.owner === "command") continue;
    const name = flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    progress.say(`a daemon is running, with agents of its own: --${name} says nothing to them`);
  }
  let early = false;
  // Ctrl-C before there is a run: nothing to cancel, and what was begun is closed in order
  const off = context.io.onInterrupt(() => {
    early = true;
  });
  const host = await openHost(context, {
    slots: options.slots ?? null,
    workspace_roots: [...new Set(roots)],
    sandbox: options,
    say: (text) => progress.say(text),
  }).finally(off);
  try {
    if (early) {
      progress.say("interrupted before there was a run: nothing was started");
      return "interrupted";
    }
    const { run_id, from_start } = await begin(host);
    const { run: summary } = await host.talk((link) => link.call("showRun", { params: { run_id } }));
    progress.say(`run ${runName(summary)}`);
    await sayWhatGoesOnToo(context, host, run_id);
    const { end, view } = await watchRun(context, {
      host,
      run_id,
      progress,
      from_start,
      onEvent: (event) => {
        if (context.json) context.io.out(`${JSON.stringify(event)}\n`);
      },
    });
    if (end === "interrupted") {
      host.abandon();
      const next = context.commandLine("run", "--continue", run_id);
      const what = host.own ? "what still runs here is being ended" : "the daemon goes on ending it";
      context.io.err(`stopped waiting; ${what}. See the run to its end: ${next}\n`);
      await sayWhatStaysOpen(context, host, run_id);
      return "interrupted";
    }
    const exit = exitOfRun(view.run.status);
    if (context.json) context.io.out(`${JSON.stringify({ type: "result", exit, ...view })}\n`);
    else await showEnd(context, host, view);
    await sayWhatStaysOpen(context, host, run_id);
    return exit;
  } finally {
    await host.close();
  }
}
