import type { Dice } from "./random.ts";
import { type Script, scriptArgs } from "./script.ts";

/** A run to be submitted: the workflow as a file would say it, by whom and when. */
export interface RunPlan {
  readonly workflow: { readonly name: string; readonly fail_fast: boolean; readonly stages: Record<string, unknown> };
  readonly role: "operator" | "proposer";
  readonly at_ms: number;
  readonly key: string | null;
  readonly follow: boolean;
  /** How often it is retried where it did not succeed. */
  readonly retries: number;
}

export function drawRuns(dice: Dice, labels: readonly string[]): RunPlan[] {
  const count = dice.chance(0.7) ? 1 : dice.int(2, 3);
  return Array.from({ length: count }, (_, i): RunPlan => {
    const role = dice.chance(0.4) ? "proposer" : "operator";
    const size = drawSize(dice, count === 1);
    return {
      workflow: { name: `w${i}`, fail_fast: dice.chance(0.12), stages: drawStages(dice, size, role, labels) },
      role,
      at_ms: dice.between(0, i === 0 ? 500 : 8_000),
      key: dice.chance(0.9) ? `key-${i}` : null,
      follow: dice.chance(0.25),
      retries: dice.chance(0.5) ? dice.int(1, 2) : 0,
    };
  });
}

/** A few small ones, and a few whose records take several portions. */
function drawSize(dice: Dice, alone: boolean): number {
  if (dice.chance(0.1)) return dice.int(1, 12);
  if (alone && dice.chance(0.03)) return dice.int(70, 130);
  return dice.int(18, alone ? 42 : 26);
}

function drawStages(
  dice: Dice,
  size: number,
  role: RunPlan["role"],
  labels: readonly string[],
): Record<string, unknown> {
  const stages: Record<string, unknown> = {};
  const ids: string[] = [];
  const wide = dice.chance(0.5);
  for (let i = 0; i < size; i++) {
    const id = `s${String(i).padStart(2, "0")}`;
    const requires = drawRequires(dice, ids, wide);
    if (dice.chance(0.06)) stages[id] = { kind: "gate", requires, message: `pass ${id}?` };
    else stages[id] = drawExec(dice, requires, role, labels);
    ids.push(id);
  }
  return stages;
}

function drawRequires(dice: Dice, ids: readonly string[], wide: boolean): string[] {
  if (ids.length === 0 || dice.chance(wide ? 0.12 : 0.05)) return [];
  const most = dice.chance(0.05) ? 12 : dice.chance(0.5) ? 1 : 3;
  const near = wide ? ids.length : Math.min(ids.length, 6);
  const chosen = new Set<string>();
  for (let i = dice.int(1, most); i > 0; i--) chosen.add(ids[ids.length - dice.int(1, near)]!);
  return [...chosen];
}

function drawExec(dice: Dice, requires: readonly string[], role: RunPlan["role"], labels: readonly string[]): unknown {
  const fails = dice.chance(0.15) ? (dice.chance(0.15) ? 99 : dice.int(1, 2)) : 0;
  const attempts_max = fails > 0 && fails < 99 && dice.chance(0.85) ? fails + 1 : dice.int(1, 2);
  const count = dice.chance(0.8) ? 1 : dice.int(2, 3);
  const failing = dice.int(0, count - 1);
  const exec = Array.from({ length: count }, (_, n) => drawCommand(dice, n, n === failing ? fails : 0, role));
  return {
    requires,
    exec,
    retry: { attempts_max, backoff: `${dice.int(50, 1_500)}ms` },
    leases_lost_max: dice.int(1, 4),
    effects: dice.chance(0.12) ? "once" : "idempotent",
    ...(dice.chance(0.04) ? { timeout: `${dice.int(100, 3_000)}ms` } : {}),
    ...(labels.length > 0 && dice.chance(0.08) ? { labels: [dice.pick(labels)] } : {}),
  };
}

function drawCommand(dice: Dice, n: number, fails: number, role: RunPlan["role"]): unknown {
  const script: Partial<Script> = {
    n,
    ms: drawMs(dice),
    fails,
    deaf: dice.chance(0.08),
    child_ms: dice.chance(0.06) ? dice.int(100, 20_000) : 0,
    away: dice.chance(0.3),
    out: dice.chance(0.2) ? (dice.chance(0.03) ? "bad" : "good") : "none",
    bytes: dice.chance(0.4) ? dice.int(1, 400) : 0,
  };
  const args = scriptArgs(script);
  const wantsShell = dice.chance(role === "proposer" ? 0.08 : 0.02);
  return {
    argv: wantsShell ? ["sh", "-c", "job", ...args] : ["job", ...args],
    allow_shell: wantsShell,
    ...(dice.chance(0.05) ? { timeout: `${dice.int(200, 4_000)}ms` } : {}),
    ...(dice.chance(0.05) ? { allow_failure: true } : {}),
  };
}

function drawMs(dice: Dice): number {
  const luck = dice.float();
  if (luck < 0.6) return dice.int(2, 200);
  if (luck < 0.9) return dice.int(200, 2_000);
  if (luck < 0.985) return dice.int(2_000, 7_000);
  return dice.int(7_000, 25_000);
}
