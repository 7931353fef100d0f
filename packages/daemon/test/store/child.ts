import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { build } from "vite";

/**
 * Programs of these tests that run in a process of their own: RocksDB can be opened once in a process, and a crash
 * needs one to kill. Node 20 runs no TypeScript, so the program is bundled first, where it finds the database.
 */
const here = fileURLToPath(new URL(".", import.meta.url));
const modules = join(here, "../../node_modules");

/** Bundles `NAME.ts` of this directory for as long as the test file runs. Starts processes of it. */
export async function makeProgram(name: string): Promise<(args: readonly string[]) => ChildProcess> {
  const outDir = mkdtempSync(join(modules, ".store-test-"));
  afterAll(() => rmSync(outDir, { recursive: true, force: true }));
  await build({
    configFile: false,
    logLevel: "error",
    root: here,
    resolve: { conditions: ["source"] },
    ssr: { resolve: { conditions: ["source"] }, noExternal: ["orchestrator-core"] },
    build: {
      ssr: join(here, `${name}.ts`),
      outDir,
      emptyOutDir: false,
      rollupOptions: { output: { entryFileNames: "[name].mjs" } },
    },
  });
  return (args) => fork(join(outDir, `${name}.mjs`), [...args], { serialization: "advanced" });
}

/** The child's next message. Fails where it ends without one. */
export function nextMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown): void => {
      child.off("exit", onExit);
      resolve(message);
    };
    const onExit = (code: number | null, signal: string | null): void => {
      child.off("message", onMessage);
      reject(new Error(`the child ended without an answer (${signal ?? code})`));
    };
    child.once("message", onMessage);
    child.once("exit", onExit);
  });
}

/** kill -9, and its end. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}
