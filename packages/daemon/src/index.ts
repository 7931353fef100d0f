/** What the `orchestrator` command needs to open a daemon in its own process. */
export interface DaemonOptions {
  /** The state directory. Created where missing. */
  readonly state: string;
  /** A SurrealDB URL. Default: `rocksdb://STATE/db?sync=every`. */
  readonly db?: string;
  /** Default: 127.0.0.1, any free port. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** Workspaces must lie beneath one of these. The first is also the default workspace. */
  readonly workspace_roots: readonly string[];
  readonly lease_ms?: number;
  readonly owner: "daemon" | "up" | "run" | "command";
  /** Where to log: a file path, or null for none. */
  readonly log: string | null;
}

export interface Daemon {
  readonly url: string;
  /** Resolves when the daemon stopped by itself: a stop request, or a store that cannot be used any more (exit 75). */
  readonly stopped: Promise<{ readonly exit: number; readonly reason: string }>;
  /** Waits for what is being written, closes the store, removes daemon.json. */
  close(): Promise<void>;
}
