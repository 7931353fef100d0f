import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { RunView, StageView } from "orchestrator-core";
import type { Io } from "../src/io.ts";

export const repository = fileURLToPath(new URL("../../..", import.meta.url));

export const RUN_ID = "01JD0000000000000000000001";
export const EXEC_ID = "01JD0000000000000000000002";
export const DIGEST = "a".repeat(64);
const BEGAN = "2026-11-22T10:00:00.000Z";
export const BEGAN_MS = Date.parse(BEGAN);

/** An `Io` that remembers what was written and answers with what it was given. */
export interface FakeIo extends Io {
  readonly written: { out: string; err: string };
  interrupt(): void;
}

export function fakeIo(more: Partial<Io> & { readonly answers?: readonly string[] } = {}): FakeIo {
  const written = { out: "", err: "" };
  const answers = [...(more.answers ?? [])];
  let onInterrupt: () => void = () => {};
  return {
    out: (text) => {
      written.out += typeof text === "string" ? text : Buffer.from(text).toString();
    },
    err: (text) => {
      written.err += text;
    },
    out_tty: false,
    err_tty: false,
    can_ask: false,
    size: () => ({ columns: 80, rows: 24 }),
    ask: (question) => {
      written.err += `${question}\n`;
      return Promise.resolve(answers.shift() ?? null);
    },
    onInterrupt: (fn) => {
      onInterrupt = fn;
      return () => {};
    },
    closed: new AbortController().signal,
    flush: () => Promise.resolve(),
    ...more,
    written,
    interrupt: () => onInterrupt(),
  };
}

export function stageView(stage_id: string, more: Partial<StageView> = {}): StageView {
  return {
    stage_id,
    kind: "exec",
    status: "pending",
    reason: null,
    message: "",
    requires: [],
    exec_digest: DIGEST,
    attempt: 0,
    question: null,
    decisions: [],
    since: null,
    duration_ms: null,
    outputs: {},
    execs: [],
    ...more,
  };
}

export function runView(stages: readonly StageView[], more: Partial<RunView["run"]> = {}): RunView {
  return {
    run: {
      run_id: RUN_ID,
      run_number: 1,
      name: "build-test",
      status: "running",
      stopping: null,
      workspace: "/workspace",
      workflow_digest: DIGEST,
      plan_digest: DIGEST,
      by: { role: "operator", name: "operator" },
      created_at: BEGAN,
      ended_at: null,
      counts: {},
      ...more,
    },
    intent: null,
    seq: 1,
    stages: [...stages],
  };
}

/** What an example says of its end in its `# expect:` line. */
export function expectationOf(file: string): string {
  const line = /^# expect: (succeeded|failed|needs_human|invalid)$/m.exec(readFileSync(file, "utf8"));
  if (line === null) throw new Error(`${file} does not say what to expect of it`);
  return line[1]!;
}
