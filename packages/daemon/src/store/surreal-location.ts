import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { StoreUnusable } from "./store.ts";

/**
 * Where a store is: a directory of this machine, or this process's memory. A directory that holds a store carries
 * a marker file: RocksDB would otherwise make a second, empty store in a directory of SurrealKV, and any engine
 * would scatter its files over a directory that is somebody's.
 */
export interface Location {
  readonly scheme: string;
  /** Absolute; null for memory. */
  readonly directory: string | null;
  /** As the engine reads it. */
  readonly url: string;
  /** As people may see it: without parameters. */
  readonly shown_url: string;
}

const MARKER = "orchestrator-store.json";

/** Throws StoreUnusable for what is no SurrealDB URL, or one that the engines read otherwise than it is written. */
export function parseLocation(url: string): Location {
  const parts = /^([a-z][a-z+]*):\/\/(.*?)((?:\?[a-z_]+=[^?/]*)?)$/s.exec(url);
  if (parts === null) {
    throw new StoreUnusable("failed", `\`${url}\` is not a SurrealDB URL; write it as rocksdb://PATH`);
  }
  const [, scheme = "", rest = "", parameters = ""] = parts;
  switch (scheme) {
    case "mem":
      return { scheme, directory: null, url: "mem://", shown_url: "mem://" };
    case "rocksdb":
    case "surrealkv":
    case "surrealkv+versioned": {
      if (rest === "") throw new StoreUnusable("failed", `\`${url}\` names no directory; write ${scheme}://PATH`);
      if (rest.includes("?")) {
        const message = `the path \`${rest}\` has a \`?\`, where the database would cut it; use another`;
        throw new StoreUnusable("failed", message);
      }
      const directory = resolve(rest);
      const shown_url = `${scheme}://${directory}`;
      return { scheme, directory, url: `${shown_url}${withSync(parameters)}`, shown_url };
    }
    case "ws":
    case "wss":
    case "http":
    case "https":
      throw new StoreUnusable("failed", `a server as the store (${scheme}) is not supported yet; write rocksdb://PATH`);
    default:
      throw new StoreUnusable(
        "failed",
        `SurrealDB has no engine \`${scheme}\`; write rocksdb://PATH, or mem:// to try`,
      );
  }
}

/** Each commit reaches the disk before it is acknowledged, unless the URL says otherwise. */
function withSync(parameters: string): string {
  if (/[?&]sync=/.test(parameters)) return parameters;
  return `${parameters === "" ? "?" : `${parameters}&`}sync=every`;
}

/** Makes the directory (0700) and its marker, or throws StoreUnusable where it holds something else. */
export function prepareDirectory(path: string, scheme: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const names = readdirSync(path);
    if (names.includes(MARKER)) {
      const found = (JSON.parse(readFileSync(join(path, MARKER), "utf8")) as { engine?: unknown }).engine;
      if (found === scheme) return;
      throw new StoreUnusable(
        "failed",
        `the store in ${path} was made by ${String(found)} and cannot be opened by ${scheme}; use ${String(found)}://${path}, or another path`,
      );
    }
    if (names.some((name) => !name.startsWith(MARKER))) {
      throw new StoreUnusable(
        "failed",
        `${path} is not empty and holds no store of the orchestrator; use an empty or a new directory`,
      );
    }
    // written beside and renamed, so that a crash leaves no half marker
    writeFileSync(join(path, `${MARKER}.new`), `${JSON.stringify({ engine: scheme })}\n`, { mode: 0o600 });
    renameSync(join(path, `${MARKER}.new`), join(path, MARKER));
  } catch (cause) {
    if (cause instanceof StoreUnusable) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StoreUnusable("failed", `the store's directory ${path} cannot be used: ${reason}`, { cause });
  }
}
