import {
  type Commit,
  CommitFailed,
  type MemoryDisk,
  openMemoryStore,
  type Portion,
  type Store,
} from "orchestrator-daemon/parts";
import type { Scope } from "./scheduler.ts";
import type { World } from "./world.ts";

/**
 * The daemon's store: the in-memory one, made slow and unreliable. A commit takes effect at some moment between its
 * call and its answer; where its process dies before, it is lost, where it dies after, only the answer is.
 */
export function openSimStore(world: World, scope: Scope, disk: MemoryDisk): Store {
  const { scheduler, tally, trace } = world;
  const dice = world.dice.fork(`store ${scope.name}`);
  const real = openMemoryStore(disk);

  function latency(): number {
    const { slow } = world.faults.store();
    if (!dice.chance(slow)) return dice.between(0.2, 1.5);
    world.disturbEverybody();
    return dice.around(400);
  }

  function settle<T>(act: () => Promise<T>, resolve: (value: T) => void, reject: (error: unknown) => void): void {
    act().then(
      (value) => scheduler.after(latency() / 2, scope, () => resolve(value)),
      (error: unknown) => reject(error),
    );
  }

  function read<T>(act: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      scheduler.after(latency() / 2, scope, () => settle(act, resolve, reject));
    });
  }

  /** What is written between the call and the answer, and may be lost between the two. */
  function write(what: string, act: () => Promise<void>): Promise<void> {
    const under_way = world.writesUnderWay;
    const key = {};
    under_way.set(key, { scope });
    return new Promise((resolve, reject) => {
      scheduler.after(latency(), scope, () => {
        under_way.delete(key);
        const { conflict, unknown } = world.faults.store();
        const luck = dice.float();
        if (luck < conflict) {
          tally.conflicts++;
          trace.say(`store: ${what} conflict`);
          return reject(new CommitFailed("conflict", "simulated"));
        }
        if (luck < conflict + unknown) {
          tally.unknown_commits++;
          const stored = dice.chance(0.5);
          trace.say(`store: ${what} unknown, ${stored ? "stored" : "not stored"}`);
          world.disturbEverybody();
          const fail = (): void => reject(new CommitFailed("unknown", "simulated"));
          return stored ? settle(act, fail, reject) : fail();
        }
        trace.say(`store: ${what}`);
        settle(act, resolve, (error) => {
          world.violation("store", `the daemon broke the store's rules: ${String(error)}`);
          reject(error);
        });
      });
    });
  }

  return {
    url: real.url,
    get run_number_max() {
      return real.run_number_max;
    },
    get commit_max() {
      return real.commit_max;
    },
    commit(commit: Commit) {
      tally.commits++;
      const rows = commit.rows.map((row) => `${world.short(row.run_id)}:${row.first_seq}-${row.last_seq}`).join(" ");
      return write(`commit ${commit.number} ${rows}`, async () => {
        await real.commit(commit);
        world.law.stored(commit);
      });
    },
    project(portion: Portion) {
      const what = `project ${world.short(portion.run.run_id)}@${portion.run.projected_seq} ${portion.stages.length}`;
      // the real stores try a conflict again by themselves
      const attempt = (): Promise<void> =>
        write(what, async () => {
          world.records.written(portion);
          await real.project(portion);
        }).catch((error: unknown) => {
          if (error instanceof CommitFailed && error.outcome === "conflict") return attempt();
          throw error;
        });
      return attempt();
    },
    activeRuns: () => read(() => real.activeRuns()),
    journal: (run_id, after_seq) => read(() => real.journal(run_id, after_seq)),
    workflow: (digest) => read(() => real.workflow(digest)),
    request: (key_digest) => read(() => real.request(key_digest)),
    everyRun: () => read(() => real.everyRun()),
    projected: (run_id) => read(() => real.projected(run_id)),
    runRecords: (high, low) => read(() => real.runRecords(high, low)),
    dropRecords: (run_id) => read(() => real.dropRecords(run_id)),
    query: (surql) => real.query(surql),
    close: () => real.close(),
  };
}
