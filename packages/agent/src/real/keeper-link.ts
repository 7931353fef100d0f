import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { constants } from "node:os";
import { rfc3339 } from "orchestrator-core";
import { endProcesses } from "../exec/ending.ts";
import { pause } from "../link.ts";
import { times } from "../options.ts";
import type { Ended, Ending, Processes, StartCommand, Started } from "../ports.ts";
import { realClock } from "./clock.ts";
import { notStarted } from "./processes.ts";

/**
 * The agent's end of a keeper (native/keeper.c, where requests and events are defined).
 *
 * Guards write their events themselves and outlive their keeper until their trees are gone. So what happened is known
 * also after the keeper was killed; only when the last of them has closed the stream, what is still open is lost.
 */
export class KeeperLink {
  readonly #child: ChildProcess;
  readonly #plain: Processes;
  readonly #kept = new Map<number, Kept>();
  #last_id = 0;
  #lost = false;
  #half = "";

  constructor(program: string, plain: Processes) {
    this.#plain = plain;
    // in a session of its own: what a terminal sends is for the agent to answer
    this.#child = spawn(program, [String(process.pid)], {
      cwd: "/",
      env: {},
      detached: true,
      stdio: ["pipe", "pipe", "ignore"],
    });
    const { stdin, stdout } = this.#child;
    this.#child.on("error", (error) => this.#loseAll(notStarted(error)));
    this.#child.on("exit", () => (this.#lost = true));
    for (const stream of [stdin, stdout]) stream?.on("error", () => (this.#lost = true));
    stdout?.setEncoding("latin1");
    stdout?.on("data", (text: string) => this.#hear(text));
    stdout?.on("close", () => this.#loseAll(lost(LOST)));
    this.#child.unref();
    (stdin as Socket | null)?.unref();
    (stdout as Socket | null)?.unref();
  }

  /** It takes no more requests. */
  isLost(): boolean {
    return this.#lost;
  }

  start(command: StartCommand): Started {
    const id = (this.#last_id = (this.#last_id + 1) % 2 ** 32);
    const frame = startFrame(id, command);
    if (typeof frame === "string") return refused(frame);
    const kept = new Kept(command);
    this.#kept.set(id, kept);
    // while a command runs, so does this process
    if (this.#kept.size === 1) (this.#child.stdout as Socket | null)?.ref();
    this.#child.stdin?.write(frame);
    return {
      pid: kept.pid,
      ended: kept.ended,
      end: (why, grace) => this.#end(id, kept, why, grace),
      extend: (lease_ms) => this.#say(EXTEND, id, lease_ms),
    };
  }

  /** Of `grace` the guard has a number, so it is told when that has become less. */
  async #end(id: number, kept: Kept, why: string, grace: () => number): Promise<Ending> {
    kept.why = why;
    let told_ms = Infinity;
    // counted in looks, not by a clock: an agent that was stopped itself has not been kept waiting
    for (let waited_ms = 0; this.#kept.has(id); waited_ms += LOOK_MS) {
      const grace_ms = grace();
      if (grace_ms < told_ms) this.#say(END, id, (told_ms = grace_ms));
      await Promise.race([kept.gone, pause(realClock, LOOK_MS)]);
      if (waited_ms > told_ms + ANSWER_MS) this.#lose(id, kept, lost(SILENT));
    }
    const { signalled, survivors, command, known_pid } = kept;
    const { signal } = command;
    if (!kept.is_lost) return { signalled, survivors };
    const search = { pgids: known_pid === null ? [] : [known_pid], mark: command.mark };
    const rest = await endProcesses({ clock: realClock, processes: this.#plain }, search, why, grace, signal);
    return { signalled: [...signalled, ...rest.signalled], survivors: rest.survivors };
  }

  #say(kind: number, id: number, ms: number): void {
    if (!this.#kept.has(id)) return;
    const frame = Buffer.allocUnsafe(16);
    [12, kind, id, msOf(ms)].forEach((word, i) => frame.writeUInt32LE(word, 4 * i));
    this.#child.stdin?.write(frame);
  }

  #hear(text: string): void {
    const lines = (this.#half + text).split("\n");
    this.#half = lines.pop() ?? "";
    for (const line of lines) {
      const [event, id, ...words] = line.split(" ");
      const kept = this.#kept.get(Number(id));
      // a guard may tell of its keeper's end before the system does
      if (event === "K" && words[2] === "k") this.#lost = true;
      if (kept?.hear(event!, words) === "over") this.#forget(Number(id), kept);
    }
  }

  #loseAll(ended: Ended): void {
    this.#lost = true;
    for (const [id, kept] of this.#kept) this.#lose(id, kept, ended);
  }

  #lose(id: number, kept: Kept, ended: Ended): void {
    kept.lose(ended);
    this.#forget(id, kept);
  }

  #forget(id: number, kept: Kept): void {
    this.#kept.delete(id);
    kept.isGone();
    if (this.#kept.size === 0) (this.#child.stdout as Socket | null)?.unref();
  }
}

const START = 1;
const END = 2;
const EXTEND = 3;
/** How often an ending asks whether its grace was taken back. */
const LOOK_MS = 50;
/** Beyond the grace: a guard gives up sooner, unless somebody has stopped it. */
const ANSWER_MS = times.kill_ms + 1_000;
const LOST = "its keeper was lost, and it with it";
const SILENT = "its keeper did not end it when told to";
const lost = (cut: string): Ended => ({ started: true, exit: null, usage: null, cut });

/** One command, as its keeper tells of it. */
class Kept {
  readonly command: StartCommand;
  readonly signalled: Ending["signalled"][number][] = [];
  why = "";
  known_pid: number | null = null;
  survivors = 0;
  /** Keeper and guard are gone, or silent, and did not say that nothing is left. */
  is_lost = false;
  #cut: string | null = null;
  // each is set by its promise before anybody can call it
  #hasPid!: (pid: number | null) => void;
  #hasEnded!: (ended: Ended) => void;
  isGone!: () => void;
  readonly pid = new Promise<number | null>((resolve) => (this.#hasPid = resolve));
  readonly ended = new Promise<Ended>((resolve) => (this.#hasEnded = resolve));
  readonly gone = new Promise<void>((resolve) => (this.isGone = resolve));

  constructor(command: StartCommand) {
    this.command = command;
  }

  /** "over": it is the last event. */
  hear(event: string, words: readonly string[]): "over" | null {
    const [first = 0, second = 0, third = 0, fourth = 0, fifth = 0] = words.map(Number);
    switch (event) {
      case "S":
        this.known_pid = first;
        this.#hasPid(first);
        return null;
      case "F": {
        this.#settle({ started: false, ...this.#failure(first, words[1] ?? "") });
        return "over";
      }
      case "K": {
        const asked = words[2] === "a" ? this.why : (REASONS[words[2] ?? ""] ?? "");
        if (words[2] === "l" || words[2] === "k") this.#cut ??= asked;
        const at = rfc3339(fourth);
        this.signalled.push({ signal: signalName(first), at, pgid: second, why: asked });
        return null;
      }
      case "E":
        this.#settle({
          started: true,
          ...(first < 0 && second < 0
            ? { exit: null, usage: null }
            : {
                exit: { code: first < 0 ? null : first, signal: second < 0 ? null : signalName(second) },
                usage: { user_ms: third, system_ms: fourth, rss_kb_max: fifth },
              }),
          cut: this.#cut,
        });
        return null;
      case "G":
        this.survivors = first;
        return "over";
      case "L":
        this.#settle(lost("its guard was killed, and it with it"));
        this.survivors = first;
        return "over";
      default:
        throw new Error(`the keeper said \`${event}\``);
    }
  }

  lose(ended: Ended): void {
    this.is_lost = true;
    this.#settle(ended);
  }

  /** What was settled before stands. */
  #settle(ended: Ended): void {
    this.#hasPid(null);
    this.#hasEnded(ended);
  }

  #failure(errno: number, call: string): { readonly code: string; readonly message: string } {
    const code = errorNames.get(errno) ?? `errno ${errno}`;
    const { file, cwd, contained } = this.command;
    switch (call) {
      case "execve":
        return { code, message: contained === undefined ? `execve ${file}` : "execve" };
      case "chdir":
        return { code, message: `chdir ${cwd}` };
      case "judged":
        return { code: "REPLACED", message: "another file has taken the place of the one that was judged" };
      case "sandbox": {
        const message = "the sandbox was not set up; what bubblewrap says of it stands in its stderr";
        return { code: "SANDBOX", message };
      }
      default:
        return { code, message: call };
    }
  }
}

const REASONS: Readonly<Record<string, string>> = {
  b: "left behind by a command that ended",
  l: "its lease was over, and its agent had not ended it",
  k: LOST,
};

const namesOf = (numbers: object): ReadonlyMap<number, string> =>
  new Map(Object.entries(numbers).map(([name, number]) => [number as number, name]));
const signalNames = namesOf(constants.signals);
const errorNames = namesOf(constants.errno);
const signalName = (number: number): string => signalNames.get(number) ?? `SIG${number}`;

const msOf = (ms: number): number => Math.min(Math.max(0, Math.ceil(ms)), 2 ** 31 - 1);
const FRAME_BYTES_MAX = 16 * 1024 * 1024;
const START_BYTES = 64;
/** No user, and no descriptor. */
const NOBODY = 2 ** 32 - 1;

/** A text: why no system could start this. */
function startFrame(id: number, command: StartCommand): Buffer | string {
  const { file, cwd, argv0, args, env, stdout, stderr, lease_ms, grace_ms, signal, contained } = command;
  const { limits = "", judged = "" } = command;
  const strings = [file, cwd, limits, judged, argv0, ...args];
  const argc = strings.length - 4;
  for (const name of Object.keys(env)) strings.push(`${name}=${env[name]}`);
  const envc = strings.length - 4 - argc;
  if (strings.some((text) => text.includes("\0"))) return "EINVAL";
  const text = `${strings.join("\0")}\0`;
  const length = START_BYTES + Buffer.byteLength(text);
  if (length > FRAME_BYTES_MAX) return "E2BIG";
  const frame = Buffer.allocUnsafe(4 + length);
  const words = [
    length,
    START,
    id,
    msOf(lease_ms),
    msOf(grace_ms),
    constants.signals[signal],
    stdout,
    stderr,
    contained === undefined ? 0 : 1,
    contained?.user?.uid ?? NOBODY,
    contained?.user?.gid ?? NOBODY,
    ...[0, 1, 2, 3].map((i) => contained?.inherited[i] ?? NOBODY),
    argc,
    envc,
  ];
  words.forEach((word, i) => frame.writeUInt32LE(word, 4 * i));
  frame.write(text, 4 + START_BYTES);
  return frame;
}

const REFUSED: Readonly<Record<string, string>> = {
  EINVAL: "an argument, a path or the environment holds a NUL",
  E2BIG: "arguments and environment are too long",
};

const refused = (code: string): Started => ({
  pid: Promise.resolve(null),
  ended: Promise.resolve({ started: false, code, message: REFUSED[code] ?? "" }),
  end: () => Promise.resolve({ signalled: [], survivors: 0 }),
  extend: () => undefined,
});
