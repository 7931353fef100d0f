import { mkdirSync, openSync, realpathSync, writeSync } from "node:fs";
import { type AddressInfo, isIPv6 } from "node:net";
import { dirname, join, resolve } from "node:path";
import { ProblemError, version } from "orchestrator-core";
import { pino } from "pino";
import { openAudit } from "./audit/log.ts";
import { sendBackup } from "./backup.ts";
import { watchCommits } from "./backup-cut.ts";
import { manifestFlaw } from "./form.ts";
import { openFreeze } from "./freeze.ts";
import { makeHandlers } from "./http/handlers.ts";
import { makeTokens } from "./http/tokens.ts";
import { checkStoreIsThere, keepMark } from "./mark.ts";
import { Owner } from "./owner/owner.ts";
import { readMachinePolicy } from "./policy.ts";
import { realClock, realRandom, realSha256 } from "./ports.ts";
import { findDaemon, prepareState, processId, removeDaemonFile, writeDaemonFile } from "./state.ts";
import { type DurableStore, StoreUnusable } from "./store/store.ts";
import { parseLocation } from "./store/surreal-location.ts";
import { openSurrealStore } from "./store/surreal-store.ts";
import { leafOf, readTls } from "./tls.ts";

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

const LEASE_MS = 30_000;
const BACKLOG_MAX = 200_000;
/** After the store failed: in this time every caller that waits is told, and /readyz says why. */
const LAST_WORDS_MS = 1_000;

/** Opens the store, loads what is active, listens. Throws `ProblemError` where that is not possible. */
export async function openDaemon(options: DaemonOptions): Promise<Daemon> {
  const state = resolve(options.state);
  prepareState(state);
  checkUnowned(state);
  const { host, port } = options.listen ?? { host: "127.0.0.1", port: 0 };
  const tls = readTls(host, options.tls_cert, options.tls_key);
  const log = makeLog(options.log);
  const freeze = openFreeze(state);
  const policy = readMachinePolicy(state);
  const policy_digest = policy.of(null).digest;
  const opening = openStore(options.db ?? `rocksdb://${join(state, "db")}?sync=every`, state, (message) =>
    log.warn({}, message),
  );
  // the engine opens its files on threads of its own: time to load the rest
  const [opened, { makeServer }] = await Promise.all([opening, import("./http/server.ts")]);
  const { store, cut } = watchCommits(opened);
  if (options.rebuild === true) for (const run_id of await store.everyRun()) await store.dropRecords(run_id);
  let stop: (end: { exit: number; reason: string }) => void = () => {};
  const stopped = new Promise<{ exit: number; reason: string }>((done) => {
    stop = done;
  });
  const owner = await Owner.open(
    {
      store,
      clock: realClock,
      random: realRandom,
      sha256: realSha256,
      manifestFlaw,
      frozen: () => freeze.now,
      log: (level, message, fields = {}) => log[level](fields, message),
      onBroken: (reason) => {
        log.error({ reason }, "store unusable");
        setTimeout(() => stop({ exit: 75, reason }), LAST_WORDS_MS);
      },
    },
    { lease_ms: options.lease_ms ?? LEASE_MS, backlog_max: BACKLOG_MAX, policy_digest },
  );
  const audit = openAudit(join(state, "audit"), {
    clock: realClock,
    onError: (error) => log.error({ err: error }, "the audit log cannot be written"),
    begin: { type: "started", version, policy_digest, pid: process.pid },
  });
  const tokens = makeTokens(state, (type, token) => void audit.add({ type, ...token }, true).catch(() => {}));
  const handlers = makeHandlers(owner, {
    freeze,
    tokens,
    workspace_roots: options.workspace_roots.map((root) => realpathSync(root)),
    policy,
    store: store.url,
    onStop: () => stop({ exit: 0, reason: "a stop was requested" }),
  });
  const server = makeServer(owner, handlers, {
    state,
    tokens,
    audit,
    listen_host: host,
    allow_hosts: options.allow_hosts ?? [],
    tls,
    backup: async (response, signal) => {
      const reason = owner.accepting;
      if (reason !== null) throw new ProblemError({ code: "not-accepting", message: reason });
      await sendBackup(store, cut(), new Date().toISOString(), response, signal);
    },
    onError: (error) => log.error({ err: error }, "internal error"),
  });
  await server.listen({ host, port }).catch(async (error: NodeJS.ErrnoException) => {
    await store.close();
    if (error.code !== "EADDRINUSE" && error.code !== "EADDRNOTAVAIL" && error.code !== "EACCES") throw error;
    throw new ProblemError({
      code: "address-unusable",
      message: `cannot listen on ${host}:${port} (${error.code})`,
      hint: "another daemon may have it: give another --listen HOST:PORT, or port 0 for any free one",
    });
  });
  const url = urlOf(host, (server.server.address() as AddressInfo).port, tls !== null);
  writeDaemonFile(state, {
    url,
    certificate: tls === null ? null : leafOf(tls),
    ...processId(process.pid),
    started_at: new Date().toISOString(),
    owner: options.owner,
    ...(options.owner === "up" ? { supervisor: processId(process.ppid) } : {}),
  });
  log.info({ url, state }, "ready");
  return {
    url,
    stopped,
    async close() {
      removeDaemonFile(state);
      // lets parked requests go first, so that the server can end
      await owner.close();
      await server.close();
      await audit.close();
      await store.close();
      log.info("closed");
    },
  };
}

/** How clients on this machine reach us. */
function urlOf(host: string, port: number, tls: boolean): string {
  const name = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : isIPv6(host) ? `[${host}]` : host;
  return `${tls ? "https" : "http"}://${name}:${port}`;
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

function makeLog(target: string | null) {
  if (target === null) return pino({ enabled: false });
  // a full disk, a reader that is gone: a line that is not logged must not end the daemon that it speaks of
  if (target === "-") {
    const out = pino.destination({ dest: 2, sync: true });
    out.on("error", () => {});
    return pino(out);
  }
  mkdirSync(dirname(target), { recursive: true });
  const file = openSync(target, "a", 0o600);
  const write = (line: string): void => {
    try {
      writeSync(file, line);
    } catch {
      // see above
    }
  };
  return pino({}, { write });
}
