import type { ArchiveItem, Commit, DurableStore } from "./store/store.ts";

/**
 * One moment of a store that goes on. A backup reads for a while, and commits go on meanwhile; what is stored in the
 * journal is never changed, only added to. So a moment is kept by knowing what was added after it:
 *
 * 1. A cut lies between two commits. The one in flight when it is made belongs to what comes after.
 * 2. What a commit adds to a run is noted before it is stored, so whoever reads it there can tell.
 * 3. Rows of a run are added in order, so the first that came after says it of all that follow.
 */
export interface Cut {
  /** The last commit before it. */
  readonly commit: number;
  readonly run_number: number;
  /** Whether an item was there at that moment. Workflows are named by their content: one too many does no harm. */
  has(item: ArchiveItem): boolean;
  /** Watches no longer. */
  end(): void;
}

/** The store, and cuts through its commits. */
export function watchCommits(store: DurableStore): { readonly store: DurableStore; readonly cut: () => Cut } {
  /** Of each cut that is open: the first seq that each run was given after it. */
  const open = new Set<Map<string, number>>();
  let in_flight: Commit | null = null;
  let { commit_max, run_number_max } = store;

  const add = (later: Map<string, number>, { rows }: Commit): void => {
    for (const { run_id, first_seq } of rows) if (!later.has(run_id)) later.set(run_id, first_seq);
  };

  const commit: DurableStore["commit"] = async (what) => {
    in_flight = what;
    for (const later of open) add(later, what);
    try {
      await store.commit(what);
      ({ commit_max, run_number_max } = store);
    } finally {
      in_flight = null;
    }
  };

  const cut = (): Cut => {
    const later = new Map<string, number>();
    if (in_flight !== null) add(later, in_flight);
    open.add(later);
    const isBefore = (run_id: string, seq: number): boolean => seq < (later.get(run_id) ?? Number.POSITIVE_INFINITY);
    return {
      commit: commit_max,
      run_number: run_number_max,
      has(item) {
        switch (item.kind) {
          case "workflow":
            return true;
          case "run":
          case "request":
            return isBefore(item.run_id, 1);
          case "journal":
            return isBefore(item.run_id, item.first_seq);
        }
      },
      end: () => void open.delete(later),
    };
  };
  return { store: Object.assign(Object.create(store) as DurableStore, { commit }), cut };
}
