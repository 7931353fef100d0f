import { join } from "node:path";
import { ProblemError } from "orchestrator-core";
import type { Ports } from "./ports.ts";

/**
 * Who an agent is: `STATE/agents/<agent_id>/`, owned by one process at a time.
 *
 * The owner is named by the lock file with the highest number. Whoever finds that owner dead makes the next number;
 * the file appears whole and only once (a link), so one of several rivals wins. Numbers never go back: a clean exit
 * leaves its lock with a null owner. So a rival that paused for long cannot take a number that is past.
 */
export interface Identity {
  readonly agent_id: string;
  /** `STATE/agents/<agent_id>` */
  readonly directory: string;
  readonly release: () => void;
}

interface Owner {
  readonly pid: number;
  readonly pid_start: string;
  readonly boot: string;
}

type World = Pick<Ports, "files" | "processes">;

export const agentsDirectory = (state: string): string => join(state, "agents");

/** The agent named, or the lowest free `local-N`. Throws a `ProblemError` where a live process has the name. */
export function takeIdentity(world: World, state: string, agent_id: string | null): Identity {
  if (agent_id !== null) {
    const taken = tryTake(world, state, agent_id);
    if (taken !== null) return taken;
    const message = `an agent named \`${agent_id}\` already runs on this state directory`;
    throw new ProblemError({ code: "state-in-use", message, hint: "give another --agent-id, or none" });
  }
  for (let n = 1; ; n++) {
    const taken = tryTake(world, state, `local-${n}`);
    if (taken !== null) return taken;
  }
}

/** Null: a live process owns it. */
export function tryTake(world: World, state: string, agent_id: string): Identity | null {
  const { files, processes } = world;
  const directory = join(agentsDirectory(state), agent_id);
  files.mkdirs(directory, 0o700);
  const { pid } = processes.self;
  const self: Owner = { pid, pid_start: processes.startOf(pid) ?? "", boot: processes.boot };
  const draft = join(directory, `new.${pid}`);
  for (;;) {
    const last = numbers(world, directory).at(-1) ?? 0;
    if (last > 0 && isAlive(world, join(directory, lockName(last)))) return null;
    files.writeText(draft, `${JSON.stringify({ owner: self })}\n`, 0o600);
    const won = files.link(draft, join(directory, lockName(last + 1)));
    files.remove(draft);
    if (!won) continue;
    const all = numbers(world, directory);
    if (all.at(-1) !== last + 1) {
      // we slept while others came and went: this number is past
      files.remove(join(directory, lockName(last + 1)));
      continue;
    }
    for (const number of all) if (number <= last) files.remove(join(directory, lockName(number)));
    return { agent_id, directory, release: () => release(world, directory, last + 1, draft) };
  }
}

function release({ files }: World, directory: string, number: number, draft: string): void {
  files.writeText(draft, `${JSON.stringify({ owner: null })}\n`, 0o600);
  files.rename(draft, join(directory, lockName(number)));
}

const LOCK = /^lock\.([0-9]+)$/;
const lockName = (number: number): string => `lock.${number}`;

function numbers({ files }: World, directory: string): number[] {
  return files
    .list(directory)
    .flatMap((name) => {
      const match = LOCK.exec(name);
      return match === null ? [] : [Number(match[1])];
    })
    .sort((a, b) => a - b);
}

function isAlive({ files, processes }: World, path: string): boolean {
  const { owner } = parseLock(files.readText(path));
  return owner !== null && owner.boot === processes.boot && processes.startOf(owner.pid) === owner.pid_start;
}

/** A lock that is gone, or that a power cut left empty, has no owner. */
function parseLock(text: string | null): { readonly owner: Owner | null } {
  try {
    return JSON.parse(text ?? "") as { readonly owner: Owner | null };
  } catch {
    return { owner: null };
  }
}
