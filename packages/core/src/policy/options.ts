import type { Grammar, OptionKind } from "./row.ts";

/** One option as it was given. `unknown`: the grammar does not have it. */
export interface OptionUse {
  readonly kind: OptionKind | "unknown";
  /** As the table writes it, for rules about its value. */
  readonly name: string;
  readonly joined?: string;
}

/** Reads one argument that begins with `-`. Null: it cannot be read for certain. */
export type ReadOption = (text: string) => readonly OptionUse[] | null;

/** These take the next argument where no value is joined. */
export const TAKES_VALUE: Readonly<Record<OptionKind, boolean>> = {
  flag: false,
  optional: false,
  shell: false,
  direct: false,
  "replace-optional": false,
  "exec-flag": false,
  "code-flag": false,
  args: false,
  rest: false,
  value: true,
  cwd: true,
  split: true,
  "shell-pipe": true,
  replace: true,
  exec: true,
  code: true,
  file: true,
  program: true,
  line: true,
  module: true,
  text: true,
  "text-file": true,
};
/** These end a cluster of short options: what is joined behind them is their value. */
const TAKES_REST: Readonly<Record<OptionKind, boolean>> = {
  ...TAKES_VALUE,
  optional: true,
  shell: true,
  "replace-optional": true,
  "exec-flag": true,
  args: true,
  rest: true,
};
const HARMLESS: ReadonlySet<OptionKind> = new Set(["flag", "value", "optional"]);

/** Nobody joins more letters than this behind one dash. */
const CLUSTER_MAX = 64;

export const words = (text: string): string[] => text.split(" ").filter((word) => word !== "");

/** Options by name, as the table writes them: `-x`, `--name`; in the grammar `long` without dashes. */
export function optionsOf({ grammar, options = {} }: Pick<Grammar, "grammar" | "options">): Map<string, OptionKind> {
  const known = new Map<string, OptionKind>();
  for (const [kind, text] of Object.entries(options) as [OptionKind, string][]) {
    for (const name of optionNames(grammar, text)) known.set(name, kind);
  }
  return known;
}

export function optionNames(grammar: Grammar["grammar"], text: string): string[] {
  if (grammar === "long") return words(text).map((word) => word.replace(/^--?/, ""));
  if (grammar === "words") return words(text);
  return words(text).flatMap((word) =>
    word.startsWith("--")
      ? [word]
      : word
          .slice(1)
          .split("")
          .map((c) => `-${c}`),
  );
}

/**
 * `strict`: what the grammar does not have is unknown, and an abbreviation of two options is neither. Else an
 * abbreviation counts where it could mean harm: an option that does more than to take a value, or one with a rule.
 */
export function makeReadOption(
  grammar: Grammar["grammar"],
  known: ReadonlyMap<string, OptionKind>,
  ruled: ReadonlySet<string>,
  strict: boolean,
): ReadOption {
  const long = [...known].filter(([name]) => name.startsWith("--"));
  const abbreviated = new Map<string, string | null>();

  function findLong(name: string): string | null {
    if (known.has(name)) return name;
    if (grammar !== "getopt" || name.length < 3) return null;
    let found = abbreviated.get(name);
    if (found === undefined) {
      const could = long.filter(([whole]) => whole.startsWith(name));
      const kinds = new Set(could.map(([, kind]) => kind));
      const harmful = could.find(([whole, kind]) => !HARMLESS.has(kind) || ruled.has(whole));
      if (strict) found = kinds.size === 1 ? could[0]![0] : null;
      else found = harmful?.[0] ?? null;
      if (abbreviated.size < 256) abbreviated.set(name, found);
    }
    return found;
  }

  function one(name: string, joined: string | undefined): readonly OptionUse[] | null {
    const kind = known.get(name)!;
    if (joined === undefined) return [{ kind, name }];
    return TAKES_REST[kind] || !strict ? [{ kind, name, joined }] : null;
  }

  return (text: string): readonly OptionUse[] | null => {
    const equals = text.indexOf("=");
    const head = equals < 0 ? text : text.slice(0, equals);
    const joined = equals < 0 ? undefined : text.slice(equals + 1);
    if (grammar === "long") {
      const name = head.replace(/^--?/, "");
      return known.has(name) ? one(name, joined) : [{ kind: "unknown", name }];
    }
    if (text.startsWith("--") || grammar === "words") {
      const name = findLong(head);
      if (name !== null) return one(name, joined);
      // `words` with a value joined to its letter: -I{}, -xfoo
      const letter = grammar === "words" && !text.startsWith("--") ? known.get(text.slice(0, 2)) : undefined;
      if (letter === undefined || strict || !TAKES_REST[letter]) return [{ kind: "unknown", name: head }];
      return [{ kind: letter, name: text.slice(0, 2), joined: text.slice(2) }];
    }
    const uses: OptionUse[] = [];
    for (let i = 1; i < text.length; i++) {
      if (i > CLUSTER_MAX) return null;
      const name = `-${text[i]!}`;
      const kind = known.get(name);
      if (kind === undefined) {
        if (uses.at(-1)?.kind !== "unknown") uses.push({ kind: "unknown", name });
        if (strict) return uses;
      } else if (TAKES_REST[kind]) {
        const rest = text.slice(i + 1);
        uses.push(rest === "" ? { kind, name } : { kind, name, joined: rest });
        return uses;
      } else uses.push({ kind, name });
    }
    return uses;
  };
}
