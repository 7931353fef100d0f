/** What a simulated command does, as its own arguments say: `job n=0 ms=120 fails=2 …`. */
export interface Script {
  /** Which command of its stage it is. */
  readonly n: number;
  readonly ms: number;
  /** Exits with 1 the first so many times that it is run. */
  readonly fails: number;
  /** Ignores SIGTERM. */
  readonly deaf: boolean;
  /** Leaves a process behind that lives this long. 0: none. */
  readonly child_ms: number;
  /** The process left behind is in a session of its own. */
  readonly away: boolean;
  /** Writes an output; `bad`: one that cannot be read. */
  readonly out: "none" | "good" | "bad";
  /** Bytes written to stdout. */
  readonly bytes: number;
  /** Takes exactly as long as it says. */
  readonly exact: boolean;
}

const DEFAULTS: Script = {
  n: 0,
  ms: 0,
  fails: 0,
  deaf: false,
  child_ms: 0,
  away: false,
  out: "none",
  bytes: 0,
  exact: false,
};

export function scriptArgs(script: Partial<Script>): string[] {
  return Object.entries(script)
    .filter(([key, value]) => value !== DEFAULTS[key as keyof Script] || key === "n")
    .map(([key, value]) => `${key}=${String(value)}`);
}

export function readScript(args: readonly string[]): Script {
  const given = new Map(args.filter((arg) => arg.includes("=")).map((arg) => arg.split("=", 2) as [string, string]));
  const number = (key: "n" | "ms" | "fails" | "child_ms" | "bytes"): number => Number(given.get(key) ?? DEFAULTS[key]);
  const out = given.get("out");
  return {
    n: number("n"),
    ms: number("ms"),
    fails: number("fails"),
    deaf: given.get("deaf") === "true",
    child_ms: number("child_ms"),
    away: given.get("away") === "true",
    out: out === "good" || out === "bad" ? out : "none",
    bytes: number("bytes"),
    exact: given.get("exact") === "true",
  };
}
