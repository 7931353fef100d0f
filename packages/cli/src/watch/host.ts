import { setTimeout as sleep } from "node:timers/promises";
import { NoAnswer } from "orchestrator-core";
import { findDaemon } from "orchestrator-daemon/state";
import type { Context } from "../context.ts";
import { type Attached, attach, attachToRunning } from "../daemon/attach.ts";
import type { Link } from "../daemon/link.ts";
import { CommandError, problemError } from "../errors.ts";
import { type AgentOptions, agentLogTail, startAgent } from "../local/agent.ts";
import { endText, type Supervised } from "../local/supervise.ts";

/**
 * What runs a run while a person watches it: a daemon that is there anyway, or one of our own with a local agent.
 * The daemon may go away under us, when another `run` owned it and ended: then we look for the next one, and
 * become the owner where there is none.
 */
export interface Host {
  /** The daemon and the agent are ours. */
  readonly own: boolean;
  /** Rejects when the local agent ended for good, or the daemon of this process stopped: nothing goes on here. */
  readonly broken: Promise<never>;
  /** Calls `use` with the daemon of the moment; again with the next one where no answer came. */
  talk<T>(use: (link: Link) => Promise<T>): Promise<T>;
  /** Ends what runs here at once, and does not wait for it. */
  abandon(): void;
  close(): Promise<void>;
}

const WAIT_FOR_NEXT_MS = 10_000;
/** Answers that did not come, one right after the other, until we give up. */
const IN_VAIN_MAX = 20;
const STEADY_MS = 5_000;
const AGENT_STOP_MS = 5_000;
const AGENT_HURRY_MS = 1_000;

export async function openHost(context: Context, options: AgentOptions): Promise<Host> {
  let agent: Supervised | null = null;
  let attached: Attached;
  let closing = false;
  let abandoned = false;
  let broke: (error: Error) => void = () => {};
  const broken = new Promise<never>((_, reject) => {
    broke = reject;
  });
  // who does not wait for it must not be ended by it
  broken.catch(() => {});

  const own = async (): Promise<Attached> => {
    // the agent first: a process that holds a database forks slowly
    if (context.access.daemon === null && findDaemon(context.state) === null) agent ??= watchedAgent();
    const now = await attach(context, { owner: "run", workspace_roots: options.workspace_roots });
    if (now.daemon === null) {
      // somebody was faster, and has agents
      const needless = agent;
      agent = null;
      await needless?.stop();
      return now;
    }
    agent ??= watchedAgent();
    void now.daemon.stopped.then(({ exit, reason }) => {
      if (closing) return;
      const go_on = `the run stays: ${context.commandLine("run", "--continue", "latest")}`;
      broke(
        exit === 0
          ? new CommandError("interrupted", `the daemon was stopped: ${reason}`, go_on)
          : problemError("store-unusable", `the daemon stopped: ${reason}`, go_on),
      );
    });
    return now;
  };

  const watchedAgent = (): Supervised => {
    const started = startAgent(context, options);
    void started.ended.then((end) => {
      if (closing || agent !== started) return;
      const tail = agentLogTail(context, 5);
      broke(
        new CommandError(
          "store_unusable",
          `the local agent ended (${endText(end)}) and would do so again${tail === "" ? "" : `:\n${tail}`}`,
          `its log: ${context.state_shown}/agent.log`,
        ),
      );
    });
    return started;
  };

  const next = async (): Promise<void> => {
    if (attached.daemon !== null) {
      // ours: it either answers again, or `broken` says why not
      await sleep(200);
      return;
    }
    const until = Date.now() + WAIT_FOR_NEXT_MS;
    for (;;) {
      const running = await attachToRunning(context).catch((error: unknown) => {
        if (error instanceof NoAnswer) return null;
        throw error;
      });
      if (running !== null) {
        attached = running;
        return;
      }
      // `up` brings its daemon back by itself; anyone else's is gone when its process is
      if (Date.now() > until || (findDaemon(context.state) === null && attached.found?.owner !== "up")) break;
      await sleep(100);
    }
    options.say("the daemon is gone; this command goes on in its place, with all open runs");
    attached = await own();
  };

  try {
    attached = await own();
  } catch (error) {
    closing = true;
    await (agent as Supervised | null)?.stop();
    throw error;
  }
  return {
    get own() {
      return attached.daemon !== null;
    },
    broken,
    async talk(use) {
      for (let in_vain = 0; ; in_vain++) {
        const began_at = performance.now();
        try {
          return await Promise.race([use(attached.link), broken]);
        } catch (error) {
          if (performance.now() - began_at > STEADY_MS) in_vain = 0;
          if (!(error instanceof NoAnswer) || in_vain > IN_VAIN_MAX) throw error;
          await Promise.race([next(), broken]);
        }
      }
    },
    abandon() {
      closing = true;
      abandoned = true;
      agent?.hurry();
    },
    async close() {
      closing = true;
      if (agent !== null) {
        // it hands back or finishes what it holds while the daemon still answers
        const wait_ms = abandoned ? AGENT_HURRY_MS : AGENT_STOP_MS;
        const gone = await Promise.race([agent.stop(), sleep(wait_ms, null, { ref: false })]);
        if (gone === null) {
          if (!abandoned) options.say("the local agent still has work of another run; it ends when that is done");
          agent.leave();
        }
      }
      await attached.close();
    },
  };
}
