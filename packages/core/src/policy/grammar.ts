import { assert } from "../result.ts";
import type { LauncherRow, OptionKind } from "./row.ts";
import { splitString } from "./split.ts";

/**
 * Reads the arguments of a launcher by its row and says what it starts. It errs to one side: what it cannot read for
 * certain is `unreadable`, since a wrong guess about one option's value would let the next argument hide a shell.
 */
export interface Token {
  readonly text: string;
  /** Index in the command's argv. Words that were split from one argument share it. */
  readonly at: number;
}

export type Reading =
  | { readonly starts: "nothing" }
  | { readonly starts: "shell"; readonly at: number }
  | {
      readonly starts: "program";
      readonly argv: readonly [Token, ...Token[]];
      /** Directories that the launcher changes into, in order. */
      readonly cwds: readonly Token[];
      /** What it replaces by its input in all that follows. */
      readonly replaces: string | null;
    }
  | { readonly starts: "unreadable"; readonly at: number; readonly why: string };

/** `argv` without the launcher's own name. `self` is that name's index, for what has no argument to point at. */
export function readLauncher(row: LauncherRow, argv: readonly Token[], self: number): Reading {
  const grammar = grammarOf(row);
  let rest = [...argv];
  const cwds: Token[] = [];
  const operands = [...(row.operands ?? [])];
  let replaces: string | null = null;
  let direct = false;
  let options = true;

  const unreadable = (at: number, why: string): Reading => ({ starts: "unreadable", at, why });

  for (let token = rest[0]; token !== undefined; token = rest[0]) {
    const { text, at } = token;
    if (options && text === "--") {
      rest = rest.slice(1);
      options = false;
    } else if (options && isOption(row, text)) {
      rest = rest.slice(1);
      if ((row.dash === true && text === "-") || (row.numbers === true && NUMBER.test(text))) continue;
      const uses = grammar(text);
      if (uses === null) return unreadable(at, "an option that policy does not know");
      for (const { kind, joined } of uses) {
        const value = joined ?? (TAKES_VALUE[kind] ? rest.shift() : undefined)?.text;
        if (TAKES_VALUE[kind] && value === undefined) return unreadable(at, "an option without its value");
        if (row.grammar === "words" && value?.startsWith("-") === true)
          return unreadable(at, "two options in a row, of which the first wants a value");
        if (kind === "shell" || (kind === "shell-pipe" && /^[|!]/.test(value!))) return { starts: "shell", at };
        if (kind === "direct") direct = true;
        if (kind === "cwd") cwds.push({ text: value!, at });
        if (kind === "replace") replaces = value!;
        if (kind === "replace-optional") replaces = joined ?? "{}";
        if (kind === "split") {
          const words = splitString(value!);
          if (words === null) return unreadable(at, "a text to split that policy cannot read for certain");
          rest = [...words.map((word) => ({ text: word, at })), ...rest];
        }
      }
    } else if (row.assignments === true && text.includes("=")) rest = rest.slice(1);
    else if (operands.length > 0) {
      if (!new RegExp(operands.shift()!).test(text))
        return unreadable(at, "an argument of a form that it does not have there");
      rest = rest.slice(1);
      if (row.options_after_operands === true) options = true;
    } else {
      const [first, ...others] = rest;
      assert(first, "the loop has a token");
      if (row.line === "shell" && !direct) return { starts: "shell", at: self };
      return { starts: "program", argv: [first, ...others], cwds, replaces };
    }
  }
  return row.bare === "shell" ? { starts: "shell", at: self } : { starts: "nothing" };
}

const NUMBER = /^-[-+]?[0-9]+$/;

const isOption = (row: LauncherRow, text: string): boolean =>
  text.startsWith("-") && (text !== "-" || row.dash === true);

const TAKES_VALUE: Readonly<Record<OptionKind, boolean>> = {
  flag: false,
  optional: false,
  shell: false,
  direct: false,
  "replace-optional": false,
  value: true,
  cwd: true,
  split: true,
  "shell-pipe": true,
  replace: true,
};
/** These end a cluster of short options: what is joined behind them is their value. */
const TAKES_REST: Readonly<Record<OptionKind, boolean>> = {
  ...TAKES_VALUE,
  optional: true,
  shell: true,
  "replace-optional": true,
};

interface OptionUse {
  readonly kind: OptionKind;
  readonly joined?: string;
}
/** What one argument that begins with `-` says; null where it is not known for certain. */
type Grammar = (text: string) => readonly OptionUse[] | null;

const grammars = new WeakMap<LauncherRow, Grammar>();

function grammarOf(row: LauncherRow): Grammar {
  let grammar = grammars.get(row);
  if (!grammar) grammars.set(row, (grammar = makeGrammar(row)));
  return grammar;
}

function makeGrammar(row: LauncherRow): Grammar {
  const short = new Map<string, OptionKind>();
  const long = new Map<string, OptionKind>();
  for (const [kind, names] of Object.entries(row.options) as [OptionKind, { short?: string; long?: string[] }][]) {
    for (const letter of names.short ?? "") short.set(letter, kind);
    for (const name of names.long ?? []) long.set(name, kind);
  }
  const findLong = (name: string): OptionKind | undefined => {
    const exact = long.get(name);
    if (exact !== undefined || row.grammar === "words") return exact;
    const kinds = [...long].filter(([known]) => known.startsWith(name)).map(([, kind]) => kind);
    return kinds.length === 1 ? kinds[0] : undefined;
  };
  return (text) => {
    if (text.startsWith("--")) {
      const [, name, joined] = /^--([^=]*)(?:=([^]*))?$/.exec(text)!;
      const kind = findLong(name!);
      if (kind === undefined) return null;
      if (joined === undefined) return [{ kind }];
      return TAKES_REST[kind] ? [{ kind, joined }] : null;
    }
    const uses: OptionUse[] = [];
    for (let i = 1; i < text.length; i++) {
      const kind = short.get(text[i]!);
      if (kind === undefined || (row.grammar === "words" && text.length > 2)) return null;
      const joined = text.slice(i + 1);
      if (TAKES_REST[kind]) return [...uses, joined === "" ? { kind } : { kind, joined }];
      uses.push({ kind });
    }
    return uses;
  };
}
