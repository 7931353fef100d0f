import { createInterface } from "node:readline";

/** Where a command writes and asks. Data goes to `out`, everything else to `err`. */
export interface Io {
  out(text: string | Uint8Array): void;
  err(text: string): void;
  readonly out_tty: boolean;
  readonly err_tty: boolean;
  /** A person can be asked. */
  readonly can_ask: boolean;
  /** Of the terminal behind `err`. */
  size(): { readonly columns: number; readonly rows: number };
  /** One line from the person; null where the input ended, the answer was Ctrl-C, or `signal` took the question back. */
  ask(question: string, signal: AbortSignal): Promise<string | null>;
  /** Calls `fn` at each Ctrl-C or SIGTERM, instead of ending the process, until the returned function is called. */
  onInterrupt(fn: () => void): () => void;
  /** Aborted when nobody reads `out` any more. */
  readonly closed: AbortSignal;
  /** Resolves when what was written has left the process. */
  flush(): Promise<void>;
}

export function processIo(proc: NodeJS.Process): Io {
  const closed = new AbortController();
  const interrupts = new Set<() => void>();
  const interrupt = (): void => {
    for (const fn of interrupts) fn();
  };
  for (const stream of [proc.stdout, proc.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      if (stream === proc.stdout) closed.abort();
    });
  }
  return {
    out: (text) => void (closed.signal.aborted || proc.stdout.write(text)),
    err: (text) => void proc.stderr.write(text),
    out_tty: proc.stdout.isTTY,
    err_tty: proc.stderr.isTTY && proc.env.TERM !== "dumb",
    can_ask: proc.stdin.isTTY && proc.stderr.isTTY,
    size: () => ({ columns: proc.stderr.columns || 80, rows: proc.stderr.rows || 24 }),
    ask: (question, signal) =>
      new Promise((resolve) => {
        const lines = createInterface({ input: proc.stdin, output: proc.stderr });
        const takeBack = (): void => {
          proc.stderr.write("\n");
          answer(null);
        };
        const answer = (text: string | null): void => {
          signal.removeEventListener("abort", takeBack);
          resolve(text);
          lines.close();
        };
        if (signal.aborted) return answer(null);
        signal.addEventListener("abort", takeBack);
        lines.on("SIGINT", () => {
          proc.stderr.write("\n");
          answer(null);
          interrupt();
        });
        lines.on("close", () => resolve(null));
        lines.question(question, answer);
      }),
    onInterrupt: (fn) => {
      if (interrupts.size === 0) for (const signal of ["SIGINT", "SIGTERM"]) proc.on(signal, interrupt);
      interrupts.add(fn);
      return () => {
        interrupts.delete(fn);
        if (interrupts.size === 0) for (const signal of ["SIGINT", "SIGTERM"]) proc.off(signal, interrupt);
      };
    },
    closed: closed.signal,
    flush: async () => {
      for (const stream of [proc.stdout, proc.stderr]) {
        if (stream.destroyed || !stream.writable) continue;
        await new Promise<void>((resolve) => {
          stream.once("error", () => resolve());
          stream.write("", () => resolve());
        });
      }
    },
  };
}
