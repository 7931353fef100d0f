import { pause } from "../link.ts";
import type { Ports } from "../ports.ts";
import { makeRedactor, prepareForms, type Redactor } from "./redact.ts";

/** Where a command with secrets writes to. What it writes comes into its logs without them, a moment later. */
export interface MaskedLogs {
  readonly stdout: number;
  readonly stderr: number;
  /** The command has ended: takes over the rest, and closes. Returns how many passages were masked. */
  finish(): Promise<number>;
}

const LOOK_MS = 100;
const PORTION_BYTES = 256 * 1024;
/** What is taken over in one turn: masking is work for this thread, which has other execs to look after. */
const PORTIONS_A_TURN = 8;

/**
 * The command writes into files without a name, so that what it wrote stands nowhere once the agent is gone. `path` begins
 * their names until they have none.
 */
export function maskLogs(
  { clock, files }: Pick<Ports, "clock" | "files">,
  path: string,
  logs: { readonly stdout: number; readonly stderr: number },
  secrets: readonly Uint8Array[],
): MaskedLogs {
  const forms = prepareForms(secrets);
  const streams = (["stdout", "stderr"] as const).map((name) => {
    const raw = files.openNew(`${path}.${name}`, 0o600);
    files.remove(`${path}.${name}`);
    return { raw, log: logs[name], redactor: makeRedactor(forms), at: 0 };
  });
  const bytes = new Uint8Array(PORTION_BYTES);
  let failure: unknown = null;
  let clear = clock.after(LOOK_MS, look);

  function write(log: number, masked: Uint8Array): void {
    if (masked.length > 0) files.writeBytes(log, masked);
  }

  /** True: there may be more. */
  function takeOver(stream: {
    readonly raw: number;
    readonly log: number;
    readonly redactor: Redactor;
    at: number;
  }): boolean {
    for (let portion = 0; portion < PORTIONS_A_TURN; portion++) {
      const count = files.read(stream.raw, bytes, stream.at);
      if (count === 0) return false;
      stream.at += count;
      write(stream.log, stream.redactor.push(bytes.subarray(0, count)));
    }
    return true;
  }

  function look(): void {
    try {
      streams.forEach(takeOver);
    } catch (error) {
      // a log that could not be written to must not be published as whole
      failure = error;
      return;
    }
    clear = clock.after(LOOK_MS, look);
  }

  return {
    stdout: streams[0]!.raw,
    stderr: streams[1]!.raw,
    async finish() {
      clear();
      try {
        if (failure !== null) throw failure;
        for (const stream of streams) {
          while (takeOver(stream)) await pause(clock, 0);
          write(stream.log, stream.redactor.end());
        }
      } finally {
        for (const { raw } of streams) files.close(raw);
      }
      return streams.reduce((sum, { redactor }) => sum + redactor.count, 0);
    },
  };
}
