import type { ChildProcess } from "node:child_process";
import { CommitFailed, type DurableStore, QueryFailed, StoreDamaged } from "../../src/store/store.ts";
import type { Answer, Call } from "./store-host.ts";

/** Stores that live in a child process (store-host.ts), as if they were here. */
export interface Host {
  open(url: string): Promise<RemoteStore>;
}

export interface RemoteStore {
  readonly store: DurableStore;
  takeOver(): Promise<RemoteStore>;
}

export function makeHost(child: ChildProcess): Host {
  const waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
  let calls = 0;
  child.on("message", (answer: Answer) => {
    const caller = waiting.get(answer.id)!;
    waiting.delete(answer.id);
    if (answer.error) caller.reject(errorOf(answer.error));
    else caller.resolve(answer);
  });
  child.on("exit", () => {
    for (const { reject } of waiting.values()) reject(new Error("the child that holds the store has ended"));
  });
  const ask = (call: Call): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const id = ++calls;
      waiting.set(id, { resolve, reject });
      child.send({ id, ...call });
    });
  const remote = ({ value, fields }: Answer): RemoteStore => {
    const of = value as number;
    let known = fields!;
    const method =
      <Name extends keyof DurableStore>(name: Name) =>
      async (...args: readonly unknown[]) => {
        const done = await ask({ call: "method", of, name, args });
        known = done.fields!;
        return done.value as never;
      };
    return {
      takeOver: async () => remote(await ask({ call: "take_over", of })),
      store: {
        get url() {
          return known.url;
        },
        get identity() {
          return known.identity;
        },
        get run_number_max() {
          return known.run_number_max;
        },
        get commit_max() {
          return known.commit_max;
        },
        commit: method("commit"),
        activeRuns: method("activeRuns"),
        journal: method("journal"),
        workflow: method("workflow"),
        request: method("request"),
        everyRun: method("everyRun"),
        project: method("project"),
        projected: method("projected"),
        runRecords: method("runRecords"),
        dropRecords: method("dropRecords"),
        readArchive: method("readArchive"),
        writeArchive: method("writeArchive"),
        query: method("query"),
        close: method("close"),
      },
    };
  };
  return { open: async (url) => remote(await ask({ call: "open", url })) };
}

function errorOf({ name, message, outcome }: NonNullable<Answer["error"]>): Error {
  if (outcome !== undefined) return new CommitFailed(outcome, message);
  if (name === "QueryFailed") return new QueryFailed(message);
  if (name === "StoreDamaged") return new StoreDamaged(message);
  return Object.assign(new Error(message), { name });
}
