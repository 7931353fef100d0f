import { join } from "node:path";
import { type Completion, makeUlid, MANIFEST_NAME, type Report } from "orchestrator-core";
import { bundlePaths, sealIncomplete, syncPublished } from "./bundle/writer.ts";
import { endProcesses } from "./exec/ending.ts";
import { markOf } from "./exec/environment.ts";
import { scratchDirectory } from "./exec/scratch.ts";
import { heldFiles, type HeldFiles, type HeldRecord } from "./held.ts";
import { agentsDirectory, type Identity, tryTake } from "./identity.ts";
import { backoff, type Link, pause } from "./link.ts";
import { errorText, type Log } from "./log.ts";
import { times } from "./options.ts";
import type { Ending, Ports } from "./ports.ts";
import { completionOf, refusedBy, settleReport } from "./reports.ts";

/**
 * Puts in order what dead agents of this state directory left behind, its own earlier life included: processes are
 * ended, cut-off bundles sealed, and every exec that was held is reported by the name of the agent that held it.
 */
export interface Adoption {
  readonly ports: Ports;
  readonly log: Log;
  readonly link: Link;
  readonly state: string;
  readonly self: Identity;
  readonly grace: () => number;
  /** This agent has ended. */
  readonly gone: () => boolean;
  /** Our token speaks for us alone: what others left is theirs to report. */
  readonly alone?: boolean;
}

/**
 * Resolves when our own left-overs are ended and sealed, however often the disk must be asked for them: nothing of ours
 * may begin beside them. Others' that cannot be read now are left to their next start. Reports go out beside other work,
 * until answered. Never rejects.
 */
export async function adoptLeftOvers(adoption: Adoption): Promise<void> {
  await Promise.all([adoptOwn(adoption), adoptOthers(adoption)]);
}

async function adoptOwn(adoption: Adoption): Promise<void> {
  const { clock, random } = adoption.ports;
  for (let tries = 0; !adoption.gone(); tries++) {
    try {
      return await adopt(adoption, adoption.self, () => Promise.resolve());
    } catch (error) {
      adoption.log.error("adoption_failed", { agent_id: adoption.self.agent_id, message: errorText(error) });
      await pause(clock, backoff(tries, random));
    }
  }
}

async function adoptOthers(adoption: Adoption): Promise<void> {
  const { ports, state, self, log } = adoption;
  const adoptOther = async (agent_id: string): Promise<void> => {
    // an agent that left nothing needs no adoption, and a live one gets none
    if (ports.files.list(join(agentsDirectory(state), agent_id, "held")).length === 0) return;
    const identity = tryTake(ports, state, agent_id, "heir");
    if (identity === null) return;
    const done = (): Promise<void> => giveBack(adoption, identity);
    try {
      await adopt(adoption, identity, done);
    } catch (error) {
      await done();
      throw error;
    }
  };
  try {
    const names = adoption.alone === true ? [] : ports.files.list(agentsDirectory(state));
    await Promise.all(names.filter((agent_id) => agent_id !== self.agent_id).map(adoptOther));
  } catch (error) {
    log.error("adoption_failed", { message: errorText(error) });
  }
}

/** However often the disk must be asked: while we live and have the name, the agent that it belongs to cannot start. */
async function giveBack(
  { ports: { clock, random }, log, gone }: Adoption,
  { agent_id, release }: Identity,
): Promise<void> {
  for (let tries = 0; !gone(); tries++) {
    try {
      return release();
    } catch (error) {
      log.error("adoption_failed", { agent_id, message: errorText(error) });
      await pause(clock, backoff(tries, random));
    }
  }
}

async function adopt(adoption: Adoption, identity: Identity, done: () => Promise<void>): Promise<void> {
  const { ports, log } = adoption;
  const held = heldFiles(ports.files, identity.directory);
  const completions = await Promise.all(
    held.all().map(async (record): Promise<Completion[]> => {
      try {
        return [completionOf(record.grant, await settleRecord(adoption, identity, record))];
      } catch (error) {
        // kept for the next agent: one record that cannot be settled must not stop the others
        log.error("adoption_failed", { exec_id: record.grant.exec_id, message: errorText(error) });
        return [];
      }
    }),
  );
  void reportAll(adoption, identity, held, completions.flat())
    .finally(done)
    .catch((error: unknown) =>
      log.error("adoption_failed", { agent_id: identity.agent_id, message: errorText(error) }),
    );
}

/** Brings one exec to its end, as far as that is known. */
async function settleRecord(adoption: Adoption, identity: Identity, record: HeldRecord): Promise<Report> {
  const { ports, log, state, self } = adoption;
  const { files, processes } = ports;
  const { exec_id } = record.grant;
  const ending = await endLeftOvers(adoption, record);
  files.removeTree(scratchDirectory(identity.directory, exec_id));
  const paths = bundlePaths(state, record.grant);
  const manifest = files.readText(join(paths.published, MANIFEST_NAME));
  const began = manifest !== null || files.exists(paths.temporary) || files.exists(paths.incomplete);
  if (manifest !== null) syncPublished(files, paths);
  else {
    await sealIncomplete(ports, paths, record.grant, {
      sealed_by: { agent_id: self.agent_id, pid: processes.self.pid, host: processes.self.host },
      held_by: identity.agent_id,
      why: "agent_died",
      message: `the agent ${identity.agent_id} was gone before this exec had ended`,
      ...ending,
    });
  }
  const report: Report =
    manifest !== null ? { kind: "manifest", manifest } : began ? { kind: "lost" } : { kind: "handed_back" };
  log.warn("exec_adopted", {
    exec_id,
    held_by: identity.agent_id,
    report: report.kind,
    signals: ending.signalled.length,
    survivors: ending.survivors,
  });
  return report;
}

/**
 * A process group is ours if its leader is alive with the start time that was written down; any process is, if the
 * exec's mark stands in its environment. That finds what left its group, and what was started a moment before it
 * could be written down. A pid alone is no proof.
 */
function endLeftOvers({ ports, grace }: Adoption, record: HeldRecord): Promise<Ending> {
  const { processes } = ports;
  const pgids = record.processes
    .filter(({ pid, pid_start, boot }) => boot === processes.boot && processes.startOf(pid) === pid_start)
    .map(({ pid }) => pid);
  const search = { pgids, mark: markOf(record.grant.exec_id) };
  return endProcesses(ports, search, "left behind by an agent that died", grace);
}

const COMPLETIONS_MAX = 64;

async function reportAll(
  { ports, link, log, state }: Adoption,
  { agent_id }: Identity,
  held: HeldFiles,
  completions: readonly Completion[],
): Promise<void> {
  for (let i = 0; i < completions.length; i += COMPLETIONS_MAX) {
    const batch = completions.slice(i, i + COMPLETIONS_MAX);
    const request_id = makeUlid(ports.clock.wall(), ports.random(10));
    const body = { agent_id, request_id, completions: batch };
    const answer = await link.askUntilAnswered("complete", { body }, () => times.lease_ms_assumed);
    if (answer === null) return;
    const { result } = answer;
    for (const completion of batch) {
      const outcome = result.ok
        ? result.value.outcomes.find(({ exec_id }) => exec_id === completion.exec_id)
        : refusedBy(completion.exec_id, result.error);
      if (outcome !== undefined) settleReport(ports, state, held, log, completion, outcome);
    }
  }
}
