import { assert } from "orchestrator-core";
import { type ConnectionState, RpcEngine, Surreal, type SurrealEngine } from "surrealdb";
import { makeCodec } from "./surreal-codec.ts";
import { type Location, parseLocation, prepareDirectory } from "./surreal-location.ts";
import { StoreUnusable } from "./store.ts";

/**
 * Opens SurrealDB, or fails: the SDK's own `connect` waits for ever where the engine cannot open its files, because
 * it does not listen to the engine's `error` event. We do.
 *
 * `close` frees the native engine without waiting for it, so a process that has had a store open ends with
 * `process.exit`, after `close`. RocksDB cannot be opened a second time in one process.
 */
export interface Connection {
  readonly db: Surreal;
  /** For sessions beside the SDK's own, see surreal-viewer.ts. */
  readonly engine: RpcEngine;
  readonly location: Location;
  /** Concurrent write transactions lose no update on this engine (on mem and surrealkv they do). */
  readonly concurrent_writes: boolean;
}

export const NAMESPACE = "orchestrator";
export const DATABASE = "main";

/**
 * Bounds on RocksDB's memory, whose defaults grow with the machine's, and on what it has to replay when it is opened: the log
 * of what was not written out of its buffers. Read when the native module is loaded.
 */
const rocksdbBounds = {
  SURREAL_ROCKSDB_BLOCK_CACHE_SIZE: String(64 * 1024 * 1024),
  SURREAL_ROCKSDB_WRITE_BUFFER_SIZE: String(8 * 1024 * 1024),
  SURREAL_ROCKSDB_MIN_WRITE_BUFFER_NUMBER_TO_MERGE: "1",
  SURREAL_ROCKSDB_MAX_WRITE_BUFFER_NUMBER: "4",
};

/** Nothing that a query could reach outside with. Both times are whole seconds and end what a person asked, too. */
const engineOptions = {
  query_timeout: 30,
  transaction_timeout: 30,
  capabilities: {
    scripting: false,
    guest_access: false,
    live_query_notifications: false,
    network_targets: false,
    functions: { deny: ["http", "sleep"] },
    experimental: false,
  },
};

export async function connect(url: string): Promise<Connection> {
  const location = parseLocation(url);
  const { scheme, directory } = location;
  if (directory !== null) prepareDirectory(directory, scheme);
  for (const [name, value] of Object.entries(rocksdbBounds)) process.env[name] ??= value;
  const { createNodeEngines } = await import("@surrealdb/node");
  const makeEngine = createNodeEngines(engineOptions)[scheme];
  assert(makeEngine !== undefined, `SurrealDB has an engine ${scheme}`);

  let fail: (cause: unknown) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  const made: RpcEngine[] = [];
  const db = new Surreal({
    codecs: { cbor: makeCodec },
    engines: {
      [scheme]: (context) => {
        const engine = makeEngine(context);
        assert(engine instanceof RpcEngine, "an embedded engine takes requests for any session");
        made.push(engine);
        engine.subscribe("error", fail);
        openExactly(engine, location.url);
        return engine;
      },
    },
  });
  try {
    // package-lock.json holds engine and SDK together; comparing their versions loads the tables of a collation
    await Promise.race([db.connect(`${scheme}://`, { versionCheck: false }), failed]);
    await db.use({ namespace: NAMESPACE, database: DATABASE });
  } catch (cause) {
    throw unusable(location, cause);
  }
  const [engine] = made;
  assert(engine !== undefined, "the SDK has made an engine");
  return { db, engine, location, concurrent_writes: scheme === "rocksdb" };
}

/** The SDK would percent-encode a path, and make the store of `my project/` in `my%20project/`. */
function openExactly(engine: SurrealEngine, url: string): void {
  const open = engine.open.bind(engine);
  // the engine asks its state's url for its text and nothing else; all else stays the SDK's own state
  const exact = { url: { value: { toString: () => url } } };
  engine.open = (state) => open(Object.create(state, exact) as ConnectionState);
}

export function unusable(location: Location, error: unknown): StoreUnusable {
  const said = databaseText(error);
  const where = location.directory ?? "memory";
  if (/\block(ed| file| hold)|no locks available/i.test(said)) {
    const message = `the store in ${where} is in use by another process: stop that daemon, or use another state directory (${said})`;
    return new StoreUnusable("in_use", message, { cause: error });
  }
  const next = /no space left/i.test(said)
    ? "free some space on its disk"
    : /permission denied/i.test(said)
      ? "give this user the right to read and write it"
      : "keep a copy of it, look at what the database says, and restore a backup if it is damaged";
  return new StoreUnusable("failed", `the store in ${where} cannot be opened: ${said}; ${next}`, { cause: error });
}

/** The engine's own words, which the SDK keeps in the cause. */
function databaseText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
