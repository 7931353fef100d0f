import { mkdirSync, openSync, realpathSync, writeSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { ProblemError, version } from "orchestrator-core";
import { pino } from "pino";
import { openAudit } from "./audit/log.ts";
import { sendBackup } from "./backup.ts";
import { watchCommits } from "./backup-cut.ts";
import type { Daemon, DaemonOptions } from "./daemon.ts";
import { manifestFlaw } from "./form.ts";
import type { Freeze } from "./freeze.ts";
import { makeHandlers } from "./http/handlers.ts";
import { makeServer } from "./http/server.ts";
import { makeTokens } from "./http/tokens.ts";
import { Owner } from "./owner/owner.ts";
import type { MachinePolicy } from "./policy.ts";
import { realClock, realRandom, realSha256 } from "./ports.ts";
import { processId, removeDaemonFile, writeDaemonFile } from "./state.ts";
import type { DurableStore } from "./store/store.ts";
import { leafOf, type Tls } from "./tls.ts";

/** What stands before the store is open. */
export interface Ground {
  /** The state directory, absolute. */
  readonly state: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls: Tls | null;
  /** What opening the store has found, for the log. */
  readonly notes: readonly string[];
  readonly freeze: Freeze;
  readonly policy: MachinePolicy;
}

const LEASE_MS = 30_000;
const BACKLOG_MAX = 200_000;
/** After the store failed: in this time every caller that waits is told, and /readyz says why. */
const LAST_WORDS_MS = 1_000;

/** Loads what is active, listens. Throws `ProblemError` where that is not possible. */
export async function serve(opened: DurableStore, ground: Ground, options: DaemonOptions): Promise<Daemon> {
  const { state, listen, tls, notes, freeze, policy } = ground;
  const log = makeLog(options.log);
  for (const note of notes) log.warn({}, note);
  const { store, cut } = watchCommits(opened);
  if (options.rebuild === true) for (const run_id of await store.everyRun()) await store.dropRecords(run_id);
  let stop: (end: { exit: number; reason: string }) => void = () => {};
  const stopped = new Promise<{ exit: number; reason: string }>((done) => {
    stop = done;
  });
  const policy_digest = policy.of(null).digest;
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
    listen_host: listen.host,
    allow_hosts: options.allow_hosts ?? [],
    tls,
    backup: async (response, signal) => {
      const reason = owner.accepting;
      if (reason !== null) throw new ProblemError({ code: "not-accepting", message: reason });
      await sendBackup(store, cut(), new Date().toISOString(), response, signal);
    },
    onError: (error) => log.error({ err: error }, "internal error"),
  });
  await server.listen(listen).catch(async (error: NodeJS.ErrnoException) => {
    await store.close();
    if (error.code !== "EADDRINUSE" && error.code !== "EADDRNOTAVAIL" && error.code !== "EACCES") throw error;
    throw new ProblemError({
      code: "address-unusable",
      message: `cannot listen on ${listen.host}:${listen.port} (${error.code})`,
      hint: "another daemon may have it: give another --listen HOST:PORT, or port 0 for any free one",
    });
  });
  const url = urlOf(listen.host, (server.server.address() as AddressInfo).port, tls !== null);
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
  const name = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host.includes(":") ? `[${host}]` : host;
  return `${tls ? "https" : "http"}://${name}:${port}`;
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
