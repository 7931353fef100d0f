import { readFileSync, readdirSync } from "node:fs";
import { uptime } from "node:os";
import { join } from "node:path";

/** What a command wrote of itself. Times are milliseconds since 1970, as exact as /proc/uptime is: 10 ms. */
export interface Execution {
  readonly exec_id: string;
  readonly run_id: string;
  readonly stage_id: string;
  readonly start: number;
  /** Null: it wrote none. */
  end: number | null;
}

export interface Evidence {
  readonly executions: ReadonlyMap<string, Execution>;
  /** Exec ids that stand twice. */
  readonly twice: readonly string[];
  readonly unreadable: readonly string[];
}

export function readEvidence(file: string): Evidence {
  const boot = Date.now() - uptime() * 1_000;
  const executions = new Map<string, Execution>();
  const ended = new Set<string>();
  const twice: string[] = [];
  const unreadable: string[] = [];
  for (const line of readFileSync(file, "utf8").split("\n").slice(0, -1)) {
    const [what, exec_id, run_id, stage_id, up] = line.split(" ");
    const at = boot + Number(up) * 1_000;
    if (exec_id === undefined || run_id === undefined || stage_id === undefined || Number.isNaN(at))
      unreadable.push(line);
    else if (what === "start") {
      if (executions.has(exec_id)) twice.push(exec_id);
      executions.set(exec_id, { exec_id, run_id, stage_id, start: at, end: null });
    } else {
      const execution = executions.get(exec_id);
      if (execution === undefined) unreadable.push(line);
      else execution.end = at;
      if (ended.has(exec_id)) twice.push(exec_id);
      ended.add(exec_id);
    }
  }
  return { executions, twice, unreadable };
}

/** Looks again and again which execs have a live process, and when each was seen last. */
export function watchProcesses(
  workspace: string,
  every_ms: number,
): { seen: ReadonlyMap<string, number>; stop: () => void } {
  const seen = new Map<string, number>();
  const timer = setInterval(() => {
    for (const exec_id of livingExecs(workspace)) seen.set(exec_id, Date.now());
  }, every_ms);
  return { seen, stop: () => clearInterval(timer) };
}

export function livingExecs(workspace: string): Set<string> {
  const found = new Set<string>();
  for (const name of readdirSync("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      const environment = readFileSync(join("/proc", name, "environ"), "latin1");
      if (!environment.includes(`ORCHESTRATOR_WORKSPACE=${workspace}\0`)) continue;
      const exec_id = /(?:^|\0)ORCHESTRATOR_EXEC_ID=([^\0]*)/.exec(environment)?.[1];
      if (exec_id !== undefined) found.add(exec_id);
    } catch {
      // it is gone
    }
  }
  return found;
}
