import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeTree } from "../../../../test/remove-tree.ts";
import { repository } from "../fixtures.ts";

/** A command that was started, as a person would start it. */
export interface Started {
  readonly child: ChildProcess;
  readonly written: { out: string; err: string };
  readonly ended: Promise<Ended>;
  /** Resolves when the text was written to stderr. */
  says(text: string | RegExp): Promise<void>;
}

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const bin = join(repository, "packages", "cli", "bin", "orchestrator.cjs");

export function start(
  state: string,
  argv: readonly string[],
  cwd: string = repository,
  input: string | null = null,
): Started {
  const { npm_command: _, ORCHESTRATOR_STATE: __, ...env } = process.env;
  const child = spawn(process.execPath, [bin, ...argv], {
    cwd,
    env: { ...env, ORCHESTRATOR_STATE: state },
    stdio: [input === null ? "ignore" : "pipe", "pipe", "pipe"],
  });
  child.stdin?.end(input);
  const written = { out: "", err: "" };
  const waiting = new Set<() => void>();
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    written.out += text;
  });
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    written.err += text;
    for (const look of waiting) look();
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code) => resolve({ code, ...written }));
  });
  return {
    child,
    written,
    ended,
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (typeof text === "string" ? !written.err.includes(text) : !text.test(written.err)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        void ended.then(({ code }) => reject(new Error(`ended with ${code} before it said ${text}:\n${written.err}`)));
      }),
  };
}

export const command = (state: string, ...argv: readonly string[]): Promise<Ended> => start(state, argv).ended;

/** A state directory of its own, removed after `use`. */
export async function withState(use: (state: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "orchestrator-e2e-"));
  try {
    await use(join(dir, "state"));
  } finally {
    removeTree(dir);
  }
}

/** The run's id from what `run` said first. */
export const runIdOf = (err: string): string => /^run ([0-9A-Z]{26}) \(number [0-9]+\)$/m.exec(err)![1]!;
