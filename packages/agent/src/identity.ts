import { join } from "node:path";
import { ProblemError } from "orchestrator-core";
import { pause } from "./link.ts";
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
  /** It holds the name to put in order what a dead agent of that name left, and gives it back then. */
  readonly heir: boolean;
}

type World = Pick<Ports, "files" | "processes">;

export const agentsDirectory = (state: string): string => join(state, "agents");

/** The agent named, or the lowest free `local-N`. Throws a `ProblemError` where a live process has the name. */
export function takeIdentity(world: World, state: string, agent_id: string | null): Identity {
  if (agent_id !== null) {
    const taken = tryTake(world, state, agent_id, "itself");
    if (taken !== null) return taken;
    const message = `an agent named \`${agent_id}\` already runs on this state directory`;
    throw new ProblemError({ code: "state-in-use", message, hint: "give another --agent-id, or none" });
  }
  for (let n = 1; ; n++) {
    const taken = tryTake(world, state, `local-${n}`, "itself");
    if (taken !== null) return taken;
  }
}

const LOOK_MS = 50;

/** Resolves when no other agent is putting in order what the last one of this name left behind. */
export async function whenLeftOversAreSettled(
  world: World & Pick<Ports, "clock">,
  state: string,
  agent_id: string,
  waiting: () => void,
): Promise<void> {
  const directory = join(agentsDirectory(state), agent_id);
  for (let looks = 0; ; looks++) {
    const last = numbers(world, directory).at(-1) ?? 0;
    if (liveOwner(world, join(directory, lockName(last)))?.heir !== true) return;
    if (looks === 0) waiting();
    await pause(world.clock, LOOK_MS);
  }
}

/** Null: a live process owns it. */
export function tryTake(world: World, state: string, agent_id: string, as: "itself" | "heir"): Identity | null {
  const { files, processes } = world;
  const directory = join(agentsDirectory(state), agent_id);
  files.mkdirs(directory, 0o700);
  const { pid } = processes.self;
  const self: Owner = { pid, pid_start: processes.startOf(pid) ?? "", boot: processes.boot, heir: as === "heir" };
  const draft = join(directory, `new.${pid}`);
  for (;;) {
    const last = numbers(world, directory).at(-1) ?? 0;
    if (last > 0 && liveOwner(world, join(directory, lockName(last))) !== null) return null;
    files.writeText(draft, `${JSON.stringify({ owner: self })}\n`, 0o600);
    const number = last + 1;
    const won = files.link(draft, join(directory, lockName(number)));
    const giveUp = (): void => release(world, directory, number, draft);
    try {
      files.remove(draft);
      if (!won) continue;
      const all = numbers(world, directory);
      if (all.at(-1) !== number) {
        // we slept while others came and went: this number is past
        files.remove(join(directory, lockName(number)));
        continue;
      }
      for (const past of all) if (past < number) files.remove(join(directory, lockName(past)));
    } catch (error) {
      if (won) tryTo(giveUp);
      throw error;
    }
    return { agent_id, directory, release: giveUp };
  }
}

/** What is on its way to fail already fails with its first error. */
function tryTo(act: () => void): void {
  try {
    act();
  } catch {}
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

function liveOwner({ files, processes }: World, path: string): Owner | null {
  const { owner } = parseLock(files.readText(path));
  const lives = owner?.boot === processes.boot && processes.startOf(owner.pid) === owner.pid_start;
  return lives ? owner : null;
}

/** A lock that is gone, or that a power cut left empty, has no owner. */
function parseLock(text: string | null): { readonly owner: Owner | null } {
  try {
    return JSON.parse(text ?? "") as { readonly owner: Owner | null };
  } catch {
    return { owner: null };
  }
}
