import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jobId, type Manifest, manifestText } from "orchestrator-core";
import type { BundleReader } from "../../src/verify/reader.ts";
import { DIGEST, EXEC_ID, RUN_ID } from "../fixtures.ts";

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

const LOGS = { "cmd-000.stderr.log": "a warning\n", "cmd-000.stdout.log": "hello\nworld\n" };

export function manifest(files: Readonly<Record<string, string>> = LOGS, more: Partial<Manifest> = {}): Manifest {
  return {
    schema: "orchestrator.manifest/1",
    run_id: RUN_ID,
    stage_id: "build",
    job_id: jobId(RUN_ID, "build", 1),
    exec_id: EXEC_ID,
    attempt: 1,
    fence: 1,
    agent: { agent_id: "local-1", version: "0.1.0", host: "host", pid: 1, uid: 1_000 },
    exec_digest: DIGEST,
    plan_digest: DIGEST,
    policy_digest: DIGEST,
    workspace: "/workspace",
    effects: "idempotent",
    timeout_ms: null,
    approval: null,
    sandbox: { level: "none", why: "", network: true, uid: 1_000 },
    limits: [],
    supervisor: "none",
    requires: [],
    result: "succeeded",
    reason: null,
    message: "",
    started_at: "2026-11-22T10:00:00.000Z",
    ended_at: "2026-11-22T10:00:01.000Z",
    duration_ms: 1_000,
    outputs: {},
    commands: [
      {
        index: 0,
        argv: ["node", "--version"],
        cwd: ".",
        env_names: [],
        secrets: {},
        redactions: 0,
        allow_shell: false,
        allow_failure: false,
        timeout_ms: null,
        idle_timeout_ms: null,
        stop: { signal: "SIGTERM", grace_ms: null },
        verdict: { verdict: "allow", findings: [] },
        program: null,
        exit: { code: 0, signal: null },
        usage: null,
        reason: null,
        message: "",
        started_at: "2026-11-22T10:00:00.000Z",
        duration_ms: 1_000,
        signalled: [],
        survivors: 0,
        stdout: "cmd-000.stdout.log",
        stderr: "cmd-000.stderr.log",
      },
    ],
    files: Object.entries(files).map(([name, text]) => ({ name, size: Buffer.byteLength(text), sha256: sha256(text) })),
    ...more,
  };
}

/** An intact bundle, file by file. */
export const bundle = (more: Partial<Manifest> = {}): Record<string, string> => ({
  ...LOGS,
  "manifest.json": manifestText(manifest(LOGS, more)),
});

/** A bundle that lies in memory. */
export function memoryReader(files: Readonly<Record<string, string | Buffer>>): BundleReader {
  return {
    entries: () =>
      Promise.resolve(
        Object.entries(files).map(([name, bytes]) => ({ name, kind: "file" as const, size: Buffer.byteLength(bytes) })),
      ),
    async *read(name) {
      // in small portions, as a disk would give a large file
      const bytes = Buffer.from(files[name]!);
      for (let at = 0; at < bytes.length; at += 5) yield await Promise.resolve(bytes.subarray(at, at + 5));
    },
  };
}

export const scratch = (): string => mkdtempSync(join(tmpdir(), "orchestrator-cli-"));

export function write(dir: string, files: Readonly<Record<string, string>>): string {
  mkdirSync(dir, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}
