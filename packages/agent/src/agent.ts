import { version } from "orchestrator-core";
import { makeExchange } from "./exchange.ts";
import { adoptLeftOvers } from "./adopt.ts";
import { makePolicies } from "./check/policies.ts";
import { makePrograms } from "./check/program-facts.ts";
import { makeTwins } from "./check/twins.ts";
import { runExec, type Site } from "./exec/run.ts";
import { makeHeartbeats } from "./heartbeats.ts";
import { heldFiles } from "./held.ts";
import { takeIdentity } from "./identity.ts";
import { daemonFinder, makeLink } from "./link.ts";
import { errorText, makeLog } from "./log.ts";
import { type AgentOptions, times } from "./options.ts";
import type { Ports } from "./ports.ts";
import { settleReport } from "./reports.ts";
import { makeSlots } from "./slots.ts";
import { makeTuning } from "./tuning.ts";

/** A running agent. */
export interface Agent {
  readonly agent_id: string;
  /**
   * Ends it. The first time: no new jobs, what waits is handed back, what runs may run on for `drain_ms` and is then
   * given up. The second time: everything ends at once.
   */
  readonly stop: () => void;
  /** The process that started it is gone: no new jobs, and it ends when the jobs, or their leases, have. */
  readonly parentGone: () => void;
  /** Its exit code. */
  readonly ended: Promise<number>;
}

/** Takes its identity, adopts what dead agents left, then claims and runs. Throws a `ProblemError` where its name is taken. */
export function startAgent(options: AgentOptions, ports: Ports): Agent {
  const { clock, files, processes } = ports;
  const self = takeIdentity(ports, options.state, options.agent_id);
  const { agent_id } = self;
  const log = makeLog(ports, { agent_id });
  const link = makeLink(ports, log, daemonFinder(ports, options.state, options.daemon, options.token_file));
  const tuning = makeTuning();
  const held = heldFiles(files, self.directory);
  let mode: "working" | "orphaned" | "stopping" | "stopped" = "working";
  let impatient = false;
  let adopted = false;
  let farewell = false;
  let resolveEnded: (exit: number) => void;
  const ended = new Promise<number>((resolve) => {
    resolveEnded = resolve;
  });

  const grace = (): number => (impatient ? 0 : options.grace_ms);
  const site: Site = {
    ports,
    options,
    agent: { agent_id, version, ...processes.self },
    directory: self.directory,
    policies: makePolicies(files, options.state),
    programs: makePrograms(ports),
    twins: makeTwins(ports.files),
    held,
    log,
    grace,
  };
  const slots = makeSlots({
    ports,
    log,
    held,
    tuning,
    slots: options.slots,
    run: (grant, halt, lease) => runExec(site, grant, halt, lease),
    report: (completion) => exchange.report(completion),
    changed,
  });
  const exchange = makeExchange({
    ports,
    link,
    log,
    tuning,
    agent_id,
    reach: {
      labels: options.labels,
      workspace_roots: options.workspace_roots.map((root) => files.realpath(root) ?? root),
    },
    free: slots.free,
    wanted: () => (mode === "working" && adopted ? slots.free() + tuning.prefetch(options.slots) : 0),
    running: slots.running,
    take(grants, sent) {
      slots.take(grants, sent);
      heartbeats.watch();
    },
    answered(completion, outcome) {
      settleReport(ports, options.state, held, log, completion, outcome);
      slots.forget(completion.exec_id);
    },
  });
  const heartbeats = makeHeartbeats({
    ports,
    link,
    agent_id,
    held: slots.beating,
    cancel: slots.cancel,
    lost: slots.lost,
  });

  function changed(): void {
    exchange.nudge();
    if (mode === "working" || slots.open() > 0) return;
    const nothingToSay = exchange.unanswered() === 0;
    const nothingToCome = !exchange.claiming();
    if (mode === "orphaned" && (nothingToCome || farewell) && (nothingToSay || slots.leasesAreOver())) end(0);
    const isDone = nothingToCome && nothingToSay;
    if (mode === "stopping" && (isDone || farewell || impatient)) end(impatient ? 130 : 0);
  }

  function end(exit: number): void {
    if (mode === "stopped") return;
    mode = "stopped";
    link.close();
    heartbeats.close();
    try {
      self.release();
    } catch (error) {
      log.error("release_failed", { message: errorText(error) });
    }
    log.info("agent_ended", { exit });
    resolveEnded(exit);
  }

  const { labels, slots: count } = options;
  const { pid } = processes.self;
  const { driver, found } = options.sandbox;
  const sandbox = found.level === "none" ? { sandbox: "none", why: found.why } : { sandbox: found.level };
  log.info("agent_started", {
    version,
    slots: count,
    pid,
    labels,
    supervisor: processes.supervisor,
    driver,
    ...sandbox,
  });
  void adoptLeftOvers({
    ports,
    log,
    link,
    state: options.state,
    self,
    grace,
    gone: () => mode === "stopped",
    alone: options.token_file !== undefined,
  }).then(() => {
    adopted = true;
    changed();
  });

  return {
    agent_id,
    ended,
    stop() {
      if (mode === "stopped") return;
      if (mode === "stopping") {
        impatient = true;
        slots.giveUp("the agent was told to end at once");
        return changed();
      }
      mode = "stopping";
      log.info("agent_stopping", { running: slots.running() });
      slots.closeDoor();
      void exchange.withdraw().then(changed);
      clock.after(options.drain_ms, () => slots.giveUp("the agent was told to end"));
      clock.after(options.drain_ms + options.grace_ms + times.farewell_ms, () => {
        farewell = true;
        changed();
      });
      changed();
    },
    parentGone() {
      if (mode !== "working") return;
      mode = "orphaned";
      log.info("parent_gone", { running: slots.running() });
      slots.closeDoor();
      void exchange.withdraw().then(changed);
      clock.after(times.farewell_ms, () => {
        farewell = true;
        changed();
      });
      // nothing else may ever happen that would be a reason to look whether the leases are over
      const look = (): void => {
        changed();
        if (mode === "orphaned") clock.after(times.heartbeat_first_ms, look);
      };
      look();
    },
  };
}
