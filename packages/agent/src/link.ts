import { join } from "node:path";
import {
  type Client,
  type Input,
  type JsonRouteName,
  makeClient,
  type ProblemDocument,
  type Reply,
  type Result,
} from "orchestrator-core";
import { errorText, type Log } from "./log.ts";
import type { Ports } from "./ports.ts";

/**
 * The way to the daemon. Address and token are looked up when they are needed and again after every failure, so a
 * daemon may come late, die, and come back elsewhere.
 */
export interface Link {
  /** Asks once. Null: no answer, or one that says "not now"; it may have been carried out all the same. */
  ask<N extends JsonRouteName>(
    name: N,
    input: Input<N>,
    timeout_ms: number,
  ): Promise<Result<Reply<N>, ProblemDocument> | null>;
  /**
   * Asks the same until it is answered, waiting longer each time. Null: the link was closed, or the answer was no longer
   * wanted when it would have been asked again. `timeout`: how long a try may take, in ms.
   */
  askUntilAnswered<N extends JsonRouteName>(
    name: N,
    input: Input<N>,
    timeout: (tries: number) => number,
    wanted?: () => boolean,
  ): Promise<Answer<N> | null>;
  /** From now on nothing is repeated. */
  close(): void;
}

export interface Answer<N extends JsonRouteName> {
  readonly result: Result<Reply<N>, ProblemDocument>;
  /** When it was asked first: a lease may count from then. */
  readonly sent: number;
}

interface Found {
  readonly url: string;
  readonly token: string;
  /** The certificate that the daemon of this state directory has; null: one that is trusted otherwise, or no TLS. */
  readonly certificate: string | null;
}

/** Where the daemon is, and the token that it knows us by. Null: not there yet. */
export type FindDaemon = () => Found | null;

const BACKOFF_MS = 50;
const BACKOFF_MS_MAX = 1_000;
const FIND_MS = 50;

export function makeLink(ports: Ports, log: Log, find: FindDaemon): Link {
  const { clock, random } = ports;
  let wired: (Found & { readonly client: Client }) | null = null;
  /** The last answer failed to come: the daemon may be elsewhere by now. */
  let stale = true;
  let silent = false;
  let closed = false;

  /** Null: there is no daemon to speak to yet. */
  function connected(): Client | null {
    if (!stale) return wired?.client ?? null;
    const found = find();
    if (found === null) return null;
    if (found.url !== wired?.url || found.token !== wired.token || found.certificate !== wired.certificate) {
      log.info("daemon_found", { url: found.url });
      wired = { ...found, client: makeClient(ports.connect(found.url, found.certificate), found.token) };
    }
    stale = false;
    return wired.client;
  }

  function failed(why: string): void {
    if (!silent) log.warn("daemon_silent", { why });
    stale = true;
    silent = true;
  }

  const link: Link = {
    async ask(name, input, timeout_ms) {
      const to = connected();
      if (to === null) return null;
      try {
        const result = await to.call(name, input, { timeout_ms });
        if (!result.ok && isPassing(result.error)) {
          failed(`${result.error.code}: ${result.error.detail}`);
          return null;
        }
        if (silent) log.info("daemon_answers");
        silent = false;
        return result;
      } catch (error) {
        failed(errorText(error));
        return null;
      }
    },
    async askUntilAnswered(name, input, timeout, wanted = () => true) {
      let sent: number | null = null;
      for (let tries = 0; !closed && wanted(); tries++) {
        const there = connected() !== null;
        if (there) {
          sent ??= clock.now();
          const result = await link.ask(name, input, timeout(tries));
          if (result !== null) return { result, sent };
        }
        // looking for a daemon's file is cheap, and a run may be waiting for its agent
        if (!closed) await pause(clock, there ? backoff(tries, random) : FIND_MS);
      }
      return null;
    },
    close() {
      closed = true;
    },
  };
  return link;
}

/**
 * The daemon is there and has decided nothing: it starts, stops, is asked too often, heard the request too slowly, is
 * another one by now, or does not know a token that was made anew.
 */
const isPassing = ({ status }: ProblemDocument): boolean => status >= 500 || [401, 408, 421, 429].includes(status);

/** Doubled with each try up to a second, and somewhere in its upper half, so that many agents do not come at once. */
export function backoff(tries: number, random: Ports["random"]): number {
  const whole = Math.min(BACKOFF_MS * 2 ** Math.min(tries, 10), BACKOFF_MS_MAX);
  return whole * (0.5 + (random(1)[0] ?? 0) / 512);
}

export const pause = (clock: Ports["clock"], ms: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(ms, resolve);
  });

/** The daemon of a state directory, or at a fixed address; with the token in the file given, or else there. */
export function daemonFinder(
  { files, processes }: Ports,
  state: string,
  url: string | null,
  token_file = join(state, "tokens", "agent"),
): FindDaemon {
  return () => {
    const token = files.readText(token_file)?.trim() ?? "";
    if (token === "") return null;
    if (url !== null) return { url, token, certificate: null };
    const file = parseDaemonFile(files.readText(join(state, "daemon.json")));
    // a file that outlived its daemon may name a port that is somebody else's by now
    if (file === null || processes.startOf(file.pid) !== file.pid_start) return null;
    return { url: file.url, token, certificate: file.certificate ?? null };
  };
}

interface DaemonFile {
  readonly url: string;
  readonly pid: number;
  readonly pid_start: string;
  readonly certificate?: string | null;
}

function parseDaemonFile(text: string | null): DaemonFile | null {
  try {
    const file = JSON.parse(text ?? "") as DaemonFile;
    return typeof file.url === "string" ? file : null;
  } catch {
    return null;
  }
}
