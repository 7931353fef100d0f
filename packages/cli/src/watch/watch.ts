import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError, type Recorded, type RunView } from "orchestrator-core";
import type { Context } from "../context.ts";
import { runEvents } from "../daemon/events.ts";
import type { Link } from "../daemon/link.ts";
import type { Host } from "./host.ts";
import { applyEvent, blankModelOf, isOver, modelOf, type RunModel, seemsToWait } from "./model.ts";
import type { Progress } from "./progress.ts";
import { type AskingStage, asking, askPerson, type Decision, decide, questionText } from "./question.ts";

export interface WatchOptions {
  readonly host: Host;
  readonly run_id: string;
  readonly progress: Progress;
  /** Show what happened so far, too: the run was submitted by us. */
  readonly from_start: boolean;
  readonly onEvent: (event: Recorded) => void;
}

/** How the watching ended. */
export interface Watched {
  readonly end: "settled" | "needs_human" | "interrupted";
  readonly view: RunView;
}

const QUIET_MS = 10_000;

/**
 * Follows a run until it settles, or only a person who is not here can move it on. Ctrl-C cancels the run and
 * waits for its end; a second one gives up waiting.
 */
export async function watchRun(context: Context, options: WatchOptions): Promise<Watched> {
  const { host, run_id, progress } = options;
  const show = (): Promise<RunView> => host.talk((link) => link.call("showRun", { params: { run_id } }));
  const first = await show();
  const model = options.from_start ? blankModelOf(first) : modelOf(first);
  const interrupts = cancelOnInterrupt(context, options);
  const later = new Set<string>();
  progress.update(model, null);
  let stuck = whenQuiet(host, run_id, model, progress);
  try {
    for (;;) {
      const step = await host.talk((link) => follow(link));
      if (step === "interrupted") return { end: "interrupted", view: first };
      const view = await show();
      if (step === "needs_human" || isOver(view.run.status)) {
        return { end: isOver(view.run.status) ? "settled" : "needs_human", view };
      }
      // the daemon ended the stream and not the run: it is about to go
      await sleep(100);
    }
  } finally {
    clearTimeout(stuck);
    interrupts.off();
    progress.end();
  }

  /** Consumes events until the stream ends or the run waits for somebody else. */
  async function follow(link: Link): Promise<"ended" | "needs_human" | "interrupted"> {
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, interrupts.second]);
    try {
      if (await waitsForOther(link, true)) return "needs_human";
      for await (const event of runEvents(link, run_id, model.seq, signal)) {
        const changed = applyEvent(model, event);
        options.onEvent(event);
        progress.update(model, changed);
        clearTimeout(stuck);
        stuck = whenQuiet(host, run_id, model, progress);
        if (await waitsForOther(link, event.type === "gate_reached" || event.type === "lease_lost"))
          return "needs_human";
      }
      return interrupts.second.aborted ? "interrupted" : "ended";
    } finally {
      ended.abort();
    }
  }

  /** Asks what can be asked here; true where the run now waits for a person elsewhere. */
  async function waitsForOther(link: Link, opened: boolean): Promise<boolean> {
    if (!(opened && context.io.can_ask && !context.json) && !seemsToWait(model)) return false;
    const view = await link.call("showRun", { params: { run_id } });
    if (context.io.can_ask && !context.json) {
      for (const stage of asking(view.stages)) {
        if (later.has(`${stage.stage_id} ${stage.question.digest}`) || interrupts.count() > 0) continue;
        const lines = await questionText(context, link, view, stage);
        progress.pause();
        const closed = new AbortController();
        void closeWhenAnswered(link, view.seq, stage.stage_id, closed);
        const decision = await askPerson(context, stage, lines, AbortSignal.any([closed.signal, interrupts.second]));
        closed.abort();
        if (decision === null) later.add(`${stage.stage_id} ${stage.question.digest}`);
        else await answer(link, stage, decision);
      }
      const after = await link.call("showRun", { params: { run_id } });
      return after.run.status === "needs_human";
    }
    return view.run.status === "needs_human" && view.seq <= model.seq;
  }

  /** The question is open until something happens to its stage: somebody else may answer it, or cancel the run. */
  async function closeWhenAnswered(link: Link, seq: number, stage_id: string, closed: AbortController): Promise<void> {
    try {
      for await (const event of runEvents(link, run_id, seq, AbortSignal.any([closed.signal, interrupts.second]))) {
        if (!("stage_id" in event) || event.stage_id !== stage_id) continue;
        progress.say(`${stage_id}: it was answered elsewhere`);
        return;
      }
    } catch {
      // the daemon went away: the prompt makes room for finding another
    } finally {
      closed.abort();
    }
  }

  async function answer(link: Link, stage: AskingStage, decision: Decision): Promise<void> {
    try {
      await decide(link, run_id, stage, decision, "");
    } catch (error) {
      // somebody else was faster, or the run is being cancelled: the events tell
      if (!(error instanceof ProblemError)) throw error;
      progress.say(`${stage.stage_id}: ${error.problems[0].message}`);
    }
  }
}

/** The first Ctrl-C cancels the run, the second gives up waiting for its end. */
function cancelOnInterrupt(
  context: Context,
  { host, run_id, progress }: WatchOptions,
): { readonly second: AbortSignal; count(): number; off(): void } {
  const second = new AbortController();
  let count = 0;
  const off = context.io.onInterrupt(() => {
    count++;
    if (count > 1) {
      second.abort();
      return;
    }
    progress.say("cancelling the run; Ctrl-C again stops waiting for its end");
    host
      .talk((link) => link.call("cancelRun", { params: { run_id }, body: { note: "Ctrl-C" } }))
      .catch((error: unknown) => {
        if (!(error instanceof ProblemError && error.problems[0].code === "run-settled")) {
          progress.say(`the run could not be cancelled: ${error instanceof Error ? error.message : String(error)}`);
        }
      });
  });
  return { second: second.signal, count: () => count, off };
}

/** Says why nothing happens, once, when something is queued and nobody takes it. */
function whenQuiet(host: Host, run_id: string, model: RunModel, progress: Progress): NodeJS.Timeout {
  const timer = setTimeout(() => {
    const lines = [...model.stages.values()];
    const queued = lines.find(({ status }) => status === "queued");
    if (queued === undefined || lines.some(({ status }) => status === "running")) return;
    host
      .talk((link) => link.call("why", { params: { run_id, stage_id: queued.stage_id } }))
      .then(({ summary, hint }) => progress.say(`${queued.stage_id}: ${summary}${hint === null ? "" : ` (${hint})`}`))
      .catch(() => {});
  }, QUIET_MS);
  return timer.unref();
}
