import { join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { ProblemError } from "orchestrator-core";
import { openFreeze } from "./freeze.ts";
import { checkStoreIsThere, keepMark } from "./mark.ts";
import { readMachinePolicy } from "./policy.ts";
import { findDaemon, prepareState } from "./state.ts";
import { type DurableStore, StoreUnusable } from "./store/store.ts";
import { parseLocation } from "./store/surreal-location.ts";
import { openSurrealStore } from "./store/surreal-store.ts";
import { readTls } from "./tls.ts";

/** What the `orchestrator` command needs to open a daemon in its own process. */
export interface DaemonOptions {
  /** The state directory. Created where missing. */
  readonly state: string;
  /** A SurrealDB URL. Default: `rocksdb://STATE/db?sync=every`. */
  readonly db?: string;
  /** Default: 127.0.0.1, any free port. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** PEM files of the certificate chain and its key: needed where others can reach the address. */
  readonly tls_cert?: string;
  readonly tls_key?: string;
  /** Further addresses (HOST:PORT) that requests may name, as a proxy or a tunnel before the daemon has them. */
  readonly allow_hosts?: readonly string[];
  /** Workspaces must lie beneath one of these. The first is also the default workspace. */
  readonly workspace_roots: readonly string[];
  readonly lease_ms?: number;
  readonly owner: "daemon" | "up" | "run" | "command";
  /** Throw the records away first and make them anew from the journal. */
  readonly rebuild?: boolean;
  /** Where to log: a file path, `-` for stderr, or null for none. */
  readonly log: string | null;
}

export interface Daemon {
  readonly url: string;
  /** Resolves when the daemon stopped by itself: a stop request, or a store that cannot be used any more (exit 75). */
  readonly stopped: Promise<{ readonly exit: number; readonly reason: string }>;
  /** Waits for what is being written, closes the store, removes daemon.json. */
  close(): Promise<void>;
}

/** Opens the store, loads what is active, listens. Throws `ProblemError` where that is not possible. */
export async function openDaemon(options: DaemonOptions): Promise<Daemon> {
  const state = resolve(options.state);
  prepareState(state);
  checkUnowned(state);
  const listen = options.listen ?? { host: "127.0.0.1", port: 0 };
  const tls = readTls(listen.host, options.tls_cert, options.tls_key);
  const notes: string[] = [];
  const ground = { state, listen, tls, notes, freeze: openFreeze(state), policy: readMachinePolicy(state) };
  const opening = openStore(options.db ?? `rocksdb://${join(state, "db")}?sync=every`, state, (note) =>
    notes.push(note),
  );
  // once it was told to, the engine opens its files on threads of its own: time to load the rest
  const loading = setImmediate().then(() => import("./serve.ts"));
  const [store, { serve }] = await Promise.all([opening, loading]);
  return serve(store, ground, options);
}

/** Opens the store and holds it against its mark. */
async function openStore(url: string, state: string, note: (message: string) => void): Promise<DurableStore> {
  try {
    const { directory } = parseLocation(url);
    if (directory !== null) checkStoreIsThere(state, directory);
    const store = await openSurrealStore(url);
    try {
      return keepMark(store, state, note);
    } catch (error) {
      await store.close();
      throw error;
    }
  } catch (error) {
    if (!(error instanceof StoreUnusable)) throw error;
    // one that started at the same moment was faster, and may stand in daemon.json by now
    if (error.cause_kind === "in_use") checkUnowned(state);
    const code = error.cause_kind === "in_use" ? "state-in-use" : "store-unusable";
    throw new ProblemError({ code, message: error.message });
  }
}

/** Throws where another process owns the state directory. */
function checkUnowned(state: string): void {
  const other = findDaemon(state);
  if (other === null) return;
  throw new ProblemError({
    code: "state-in-use",
    message: `process ${other.pid} owns ${state} and answers at ${other.url}`,
    hint: "use that one, or stop it with: orchestrator stop",
  });
}
