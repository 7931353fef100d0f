import type { Commit, JournalRow, Portion } from "../../src/store/store.ts";
import { commit, digest, fresh, portion, row, runId, runRecord, stage, submitted } from "./fixtures.ts";

/**
 * A history that both sides of a crash know: commit `n` is always the same. Some commits submit a run, with a small,
 * a shared or a big workflow; the others carry on with up to 20 runs; now and then a row is large.
 */
export interface History {
  /** Commits 1, 2, 3 …; the ends of the journals are those after the commit given last. */
  next(): Commit;
  readonly ends: ReadonlyMap<number, number>;
}

const BIG = 900_000;

export function makeHistory(): History {
  const ends = new Map<number, number>();
  let number = 0;
  return {
    ends,
    next() {
      number += 1;
      const rows: JournalRow[] = [];
      const add = (run: number, events: number): void => {
        const first = (ends.get(run) ?? 0) + 1;
        ends.set(run, first + events - 1);
        rows.push(row(runId(run), first, first + events - 1, "n".repeat((number % 13) * 97)));
      };
      if (number % 6 !== 1) {
        const runs = [...ends.keys()].slice(-((number % 20) + 1));
        for (const run of runs) add(run, (number % 3) + 1);
        return commit(number, { rows, reopened: number % 11 === 0 ? [runId(runs[0]!)] : [] });
      }
      const run = ends.size + 1;
      add(run, 1);
      const request = { run_id: runId(run), body_digest: digest(`body ${run}`), key_digest: digest(`key ${run}`) };
      return commit(number, { rows, submitted: [submitted(run, { text: workflowText(run), request })] });
    },
  };
}

export const workflowText = (run: number): string =>
  run % 4 === 0 ? '{"shared":true}' : run % 5 === 0 ? `{"big":"${"🚀".repeat(BIG / 2)}${run % 15}"}` : `{"run":${run}}`;

/** Each stage requires the three before it; every seventh run has more edges, and stages to drop, than a transaction takes. */
export function stagesOf(run: number): Map<string, readonly string[]> {
  const wide = run % 7 === 0;
  const names = Array.from({ length: wide ? 60 : 8 }, (_, i) => `s${i}`);
  return new Map(names.map((name, i) => [name, names.slice(Math.max(0, i - (wide ? 12 : 3)), i)]));
}

/** The records of a run at `seq`: those that exist are changed, `others` are added. */
export function portionOf(run: number, seq: number, existing: ReadonlySet<string>, others: readonly string[]): Portion {
  const stages = stagesOf(run);
  const added = Object.fromEntries(others.map((name) => [name, stages.get(name)!]));
  return portion(run, {
    run: runRecord(run, { workflow_digest: digest(workflowText(run)), projected_seq: seq }),
    run_exists: existing.size > 0,
    stages: [
      ...[...existing].map((name) => ({
        record: stage(run, name, { projected_seq: seq }),
        exists: true,
        requires: [],
      })),
      ...fresh(run, added).map((s) => ({ ...s, record: { ...s.record, projected_seq: seq } })),
    ],
  });
}
