import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { mayCarryTokens } from "orchestrator-agent";
import { NoAnswer, ProblemError } from "orchestrator-core";
import type { Daemon, DaemonOptions } from "orchestrator-daemon";
import { type DaemonFile, findDaemon, findSupervisor } from "orchestrator-daemon/state";
import type { Context } from "../context.ts";
import { problemError, usageError } from "../errors.ts";
import { tokenOf, trustGiven } from "./access.ts";
import { type Link, linkTo } from "./link.ts";

/**
 * How a command reaches a daemon. Where one owns the state directory, it is spoken to; where none does, one is
 * opened in this process for as long as the command needs it, and spoken to over loopback in just the same way.
 *
 * 1. Only `open` loads the database. A process that loaded it does not exit by itself: main.ts ends it.
 * 2. A database of this process is opened at most once: it cannot be opened again after it was closed.
 */
export interface Attached {
  readonly link: Link;
  /** Null: the daemon is of this process. One that `--daemon` names is not ours to look into, and kept up by others. */
  readonly found: DaemonFile | null;
  readonly daemon: Daemon | null;
  close(): Promise<void>;
}

const PATIENCE_MS = 15_000;
const POLL_MS = 50;

function elsewhere(url: string): DaemonFile {
  if (!mayCarryTokens(url)) {
    throw usageError(
      `--daemon ${url} is on another machine, and a token would go there in clear text`,
      "say https://…",
    );
  }
  return { url, pid: 0, pid_start: "", started_at: "", certificate: null, owner: "up" };
}

/**
 * The daemon that `--daemon` names, else the one that owns the state directory. Null where none does, or where it
 * does not answer.
 */
export async function attachToRunning(context: Context): Promise<Attached | null> {
  const { daemon } = context.access;
  const found = daemon === null ? findDaemon(context.state) : elsewhere(daemon);
  if (found === null) return null;
  const { certificate } = found;
  const pinned = typeof certificate === "string";
  const link = linkTo(found.url, tokenOf(context), pinned ? { kind: "pinned", certificate } : trustGiven(context));
  try {
    await link.call("livez", {}, { timeout_ms: 2_000 });
  } catch (error) {
    if (error instanceof NoAnswer && daemon === null) return null;
    throw error;
  }
  return { link, found, daemon: null, close: async () => {} };
}

/** The daemon that owns the state directory; where there is none, this process becomes its owner. */
export async function attach(
  context: Context,
  options: Pick<DaemonOptions, "owner"> & Partial<Pick<DaemonOptions, "workspace_roots">>,
): Promise<Attached> {
  const patient_until = Date.now() + PATIENCE_MS;
  for (;;) {
    const running = await attachToRunning(context);
    const over = Date.now() > patient_until;
    // one that another short command opened for itself is about to go
    if (running !== null && (over || running.found?.owner !== "command")) return running;
    // an `up` brings its own back: what opened the state directory now would only be in its way
    const supervisor = findSupervisor(context.state);
    if (running === null && supervisor === null && findDaemon(context.state) === null) {
      const opened = await tryOpen(context, options, over);
      if (opened !== null) return opened;
    }
    if (over) {
      throw problemError(
        "no-daemon",
        supervisor === null
          ? `a process owns ${context.state_shown} and does not answer`
          : `the daemon of \`orchestrator up\` (process ${supervisor.pid}) does not answer`,
        `see ${context.state_shown}/daemon.log; its address and process id stand in ${context.state_shown}/daemon.json`,
      );
    }
    await sleep(POLL_MS);
  }
}

/** Null: another process was faster; it will stand in daemon.json in a moment. */
async function tryOpen(
  context: Context,
  options: Parameters<typeof attach>[1],
  last: boolean,
): Promise<Attached | null> {
  const { openDaemon } = await import("orchestrator-daemon");
  try {
    const daemon = await openDaemon({
      state: context.state,
      workspace_roots: options.workspace_roots ?? [context.cwd],
      owner: options.owner,
      log: `${context.state}/daemon.log`,
    });
    const link = linkTo(daemon.url, tokenOf(context), trustGiven(context));
    return { link, found: null, daemon, close: () => daemon.close() };
  } catch (error) {
    if (!last && error instanceof ProblemError && error.problems[0].code === "state-in-use") return null;
    throw error;
  }
}

/** A daemon that may change under a command which takes its time. */
export interface Reach {
  /** The daemon is of this process: it has no agents. */
  readonly own: boolean;
  /** Calls `use` with the daemon of the moment; again with the next one where no answer came. For reads only. */
  talk<T>(use: (link: Link) => Promise<T>): Promise<T>;
}

/** Answers that did not come, one right after the other, until a command gives up. */
const IN_VAIN_MAX = 20;

/**
 * Runs `use` with a daemon, and closes what was opened for it. For commands that look at what is there: they
 * do not make a state directory where there is none.
 */
export async function withDaemon<T>(context: Context, use: (attached: Attached) => Promise<T>): Promise<T> {
  checkThere(context);
  const attached = await attach(context, { owner: "command" });
  try {
    return await use(attached);
  } finally {
    await attached.close();
  }
}

/** The same for a command that takes its time: where its daemon goes away it finds the next, or opens one. */
export async function withReach<T>(context: Context, use: (reach: Reach) => Promise<T>): Promise<T> {
  checkThere(context);
  let attached = await attach(context, { owner: "command" });
  let next: Promise<void> | null = null;
  const lookForNext = async (): Promise<void> => {
    await sleep(POLL_MS);
    attached = await attach(context, { owner: "command" });
    next = null;
  };
  const reach: Reach = {
    get own() {
      return attached.daemon !== null;
    },
    async talk(ask) {
      for (let in_vain = 0; ; in_vain++) {
        const asked = attached;
        try {
          return await ask(asked.link);
        } catch (error) {
          if (!(error instanceof NoAnswer) || asked.daemon !== null || in_vain > IN_VAIN_MAX) throw error;
          // several may have lost it at once
          if (asked === attached) await (next ??= lookForNext());
        }
      }
    },
  };
  try {
    return await use(reach);
  } finally {
    await attached.close();
  }
}

function checkThere(context: Context): void {
  if (context.access.daemon !== null || existsSync(context.state)) return;
  throw problemError(
    "run-unknown",
    `there is no state directory ${context.state_shown}, so no run was ever started here`,
    "go to where you started the run, or name the directory with --state",
  );
}
