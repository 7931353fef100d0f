import {
  type ConnectionState,
  type DriverContext,
  type Engines,
  RpcEngine,
  type SurrealEngine,
  Surreal,
  createRemoteEngines,
} from "surrealdb";
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

/** Bounds on RocksDB's memory, whose defaults grow with the machine's. Read when the native module is loaded. */
const rocksdbBounds = {
  SURREAL_ROCKSDB_BLOCK_CACHE_SIZE: String(64 * 1024 * 1024),
  SURREAL_ROCKSDB_WRITE_BUFFER_SIZE: String(16 * 1024 * 1024),
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
  if (location.kind === "directory") prepareDirectory(location.path, location.scheme);
  for (const [name, value] of Object.entries(rocksdbBounds)) process.env[name] ??= value;
  const { createNodeEngines } = await import("@surrealdb/node");

  let engine: SurrealEngine | null = null;
  let fail: (cause: unknown) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  const listening = ([scheme, make]: [string, (context: DriverContext) => SurrealEngine]) => [
    scheme,
    (context: DriverContext) => {
      engine = make(context);
      engine.subscribe("error", fail);
      if (location.kind === "directory") openExactly(engine, location);
      return engine;
    },
  ];
  const engines: Engines = { ...createRemoteEngines(), ...createNodeEngines(engineOptions) };
  const db = new Surreal({ engines: Object.fromEntries(Object.entries(engines).map(listening)) as Engines });
  try {
    await Promise.race([db.connect(sdkUrl(location)), failed]);
    await db.use({ namespace: NAMESPACE, database: DATABASE });
  } catch (cause) {
    throw unusable(location, cause);
  }
  if (!((engine as SurrealEngine | null) instanceof RpcEngine)) {
    throw new StoreUnusable("failed", `the engine of ${url} takes no sessions`);
  }
  const concurrent_writes =
    location.kind === "remote" || (location.kind === "directory" && location.scheme === "rocksdb");
  return { db, engine: engine as unknown as RpcEngine, location, concurrent_writes };
}

/** What the SDK is told. It would percent-encode a path, so a directory goes to its engine by `openExactly`. */
function sdkUrl(location: Location): string {
  switch (location.kind) {
    case "memory":
      return "mem://";
    case "directory":
      return `${location.scheme}:///store`;
    case "remote":
      return location.url;
  }
}

/** Without this, a store in `my project/` would be made in `my%20project/`. */
function openExactly(engine: SurrealEngine, location: Extract<Location, { kind: "directory" }>): void {
  const open = engine.open.bind(engine);
  const url = `${location.scheme}://${location.path}${location.parameters}`;
  engine.open = (state) => {
    // the engine asks the state's url for its text and nothing else; all else stays the SDK's own state
    open(Object.create(state, { url: { value: { toString: () => url } } }) as ConnectionState);
  };
}

function unusable(location: Location, error: unknown): StoreUnusable {
  const said = databaseText(error);
  const where = location.kind === "directory" ? location.path : location.kind === "memory" ? "memory" : "the server";
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
