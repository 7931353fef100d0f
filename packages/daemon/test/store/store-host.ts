import { CommitFailed, type DurableStore } from "../../src/store/store.ts";
import { type Connection, connect } from "../../src/store/surreal-open.ts";
import { takeStore } from "../../src/store/surreal-store.ts";

/** Holds stores for a test in another process. Ends when that one is gone. */
export type Call =
  | { readonly call: "open"; readonly url: string }
  | { readonly call: "take_over"; readonly of: number }
  | {
      readonly call: "method";
      readonly of: number;
      readonly name: keyof DurableStore;
      readonly args: readonly unknown[];
    };

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { readonly name: string; readonly message: string; readonly outcome?: CommitFailed["outcome"] };
  /** The store's own fields after the call. */
  readonly fields?: Pick<DurableStore, "url" | "identity" | "run_number_max" | "commit_max">;
}

const stores: { store: DurableStore; connection: Connection }[] = [];

process.on("message", ({ id, ...call }: Call & { id: number }) => {
  answer(call as Call).then(
    ({ value, of }) => {
      const { url, identity, run_number_max, commit_max } = stores[of]!.store;
      send({ id, value, fields: { url, identity, run_number_max, commit_max } });
    },
    (error: Error) => {
      const outcome = error instanceof CommitFailed ? { outcome: error.outcome } : {};
      send({ id, error: { name: error.name, message: error.message, ...outcome } });
    },
  );
});
process.on("disconnect", () => process.exit(0));

async function answer(call: Call): Promise<{ value: unknown; of: number }> {
  switch (call.call) {
    case "open":
      return hold(await connect(call.url));
    case "take_over":
      return hold(stores[call.of]!.connection);
    case "method": {
      const method = stores[call.of]!.store[call.name] as (...args: readonly unknown[]) => Promise<unknown>;
      return { value: await method(...call.args), of: call.of };
    }
  }
}

async function hold(connection: Connection): Promise<{ value: number; of: number }> {
  const of = stores.push({ store: await takeStore(connection), connection }) - 1;
  return { value: of, of };
}

const send = (answer: Answer): void => void process.send?.(answer);
