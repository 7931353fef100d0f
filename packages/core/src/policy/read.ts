import { makeReadOption, optionNames, optionsOf, type ReadOption, TAKES_VALUE, words } from "./options.ts";
import type { Grammar, OptionKind, TextRule } from "./row.ts";
import { splitString } from "./split.ts";

/**
 * Reads the arguments of a program by its row and says what they start. It errs to one side. Of a launcher, what cannot
 * be read for certain is `unreadable`, since a wrong guess about one option's value would let the next argument hide a
 * shell. Of any other program, whatever could be one of the options that the row knows is taken for it, and an argument
 * is passed over only where it is the value of an option that the row knows.
 */
export interface Token {
  readonly text: string;
  /** Index in the command's argv. Words that were split from one argument share it. */
  readonly at: number;
}

export type Found =
  | { readonly is: "shell" | "code" | "exec"; readonly at: number }
  | { readonly is: "unreadable"; readonly at: number; readonly why: string }
  /** A file whose text is carried out, or (`directory`) where that file is looked for. */
  | { readonly is: "file" | "directory" | "script"; readonly token: Token }
  | { readonly is: "assignment"; readonly token: Token }
  | { readonly is: "text"; readonly language: "awk" | "sed"; readonly tokens: readonly Token[] }
  | { readonly is: "program"; readonly started: Started };

export interface Started {
  readonly argv: readonly Token[];
  /** What stands before it and is the launcher's own. */
  readonly own: readonly Token[];
  /** Directories that the launcher changes into, in order. */
  readonly cwds: readonly Token[];
  /** What it replaces by its input in all that follows. */
  readonly replaces: string | null;
  readonly appends: boolean;
  /** It is not known whether this is where the program stands. */
  readonly perhaps: boolean;
}

export interface Reading {
  readonly found: readonly Found[];
  /** It starts nothing, so what is appended to its arguments would name what it starts. */
  readonly awaits: boolean;
}

/** Of `anywhere`, at most so many arguments are judged as the program. */
const STARTS_MAX = 32;

/** `argv` without the program's own name. `self` is that name's index, for what has no argument to point at. */
export function read(row: Grammar, argv: readonly Token[], self: number): Reading {
  const found: Found[] = [];
  let grammar = compiled(row);
  let tokens = argv;
  let i = 0;
  const cwds: Token[] = [];
  let operands = [...(row.operands ?? [])];
  let operand = 0;
  let operands_seen: Token[] = [];
  let replaces: string | null = null;
  let direct = false;
  let options = true;
  /** An option that the row does not know came just before, so this argument may be its value. */
  let unsure = false;
  let settled = false;
  let awaits = false;
  const texts: Token[] = [];
  let textGiven = false;

  const program = (argv: readonly Token[], perhaps = false): void => {
    // of many starts that are only tried, the first ones have what is the launcher's own as their arguments
    const own = perhaps ? [] : tokens.slice(0, i);
    found.push({
      is: "program",
      started: { argv, own, cwds: [...cwds], replaces, appends: grammar.row.appends === true, perhaps },
    });
  };
  const done = (): Reading => {
    if (texts.length > 0) found.push({ is: "text", language: grammar.row.language!, tokens: texts });
    return { found, awaits };
  };
  const unreadable = (at: number, why: string): Reading => {
    found.push({ is: "unreadable", at, why });
    return done();
  };

  for (; i < tokens.length; ) {
    const { row, strict } = grammar;
    const token = tokens[i]!;
    const { text, at } = token;
    for (const rule of grammar.rules) {
      if (rule.of === "arguments" && rule.pattern.test(text)) found.push({ is: rule.finds, at });
    }
    if (options && text === "--") {
      i++;
      // of the programs that read words by themselves, many take `--` for one of them and go on
      options = row.grammar !== "getopt" && (row.follows ?? "operands") === "operands";
      unsure = false;
      if (row.follows === "anywhere" && i < tokens.length) {
        program(tokens.slice(i));
        return done();
      }
    } else if (options && text.startsWith("-") && (text !== "-" || row.dash === true)) {
      i++;
      if ((row.dash === true && text === "-") || (row.numbers === true && NUMBER.test(text))) continue;
      const uses = grammar.read(text);
      if (uses === null || (strict && uses.some(({ kind }) => kind === "unknown")))
        return unreadable(at, "an option that policy does not know");
      unsure = false;
      for (const { kind, name, joined } of uses) {
        if (kind === "unknown") {
          unsure = !text.includes("=");
          continue;
        }
        const next = joined === undefined && TAKES_VALUE[kind] ? tokens[i++] : undefined;
        const value = joined ?? next?.text;
        const place = next ?? token;
        if (strict && TAKES_VALUE[kind]) {
          if (value === undefined) return unreadable(at, "an option without its value");
          if (row.grammar === "words" && value.startsWith("-"))
            return unreadable(at, "two options in a row, of which the first wants a value");
        }
        const given: Token = { text: value ?? "", at: place.at };
        for (const rule of grammar.ruled.get(name) ?? []) {
          if (rule.pattern.test(given.text)) found.push({ is: rule.finds, at: given.at });
        }
        switch (kind) {
          case "shell":
            found.push({ is: "shell", at });
            return done();
          case "shell-pipe":
            if (/^[|!]/.test(given.text)) found.push({ is: "shell", at });
            break;
          case "exec":
          case "exec-flag":
            found.push({ is: "exec", at });
            break;
          case "code":
          case "code-flag":
            found.push({ is: "code", at });
            break;
          case "direct":
            direct = true;
            break;
          case "cwd":
            cwds.push(given);
            if (!strict) found.push({ is: "directory", token: given });
            break;
          case "file":
            found.push({ is: "file", token: given });
            break;
          case "replace":
            replaces = given.text;
            break;
          case "replace-optional":
            replaces = joined ?? "{}";
            break;
          case "program":
            if (given.text !== "") program([given]);
            break;
          case "line":
          case "split": {
            const split = splitString(given.text);
            if (split === null) return unreadable(given.at, "a text to split that policy cannot read for certain");
            const parts = split.map((word): Token => ({ text: word, at }));
            if (kind === "line") {
              if (parts.length > 0) program(parts);
            } else {
              tokens = [...parts, ...tokens.slice(i)];
              i = 0;
            }
            break;
          }
          case "args": {
            let end = i;
            while (end < tokens.length && !endsArgs(tokens, end)) end++;
            replaces = "{}";
            program([...(joined === undefined ? [] : [given]), ...tokens.slice(i, end)]);
            replaces = null;
            i = end + 1;
            break;
          }
          case "rest":
          case "module":
            program([...(joined === undefined && kind === "rest" ? [] : [given]), ...tokens.slice(i)]);
            return done();
          case "text":
            texts.push(given);
            textGiven = true;
            break;
          case "text-file":
            found.push({ is: "code", at });
            textGiven = true;
            break;
          case "flag":
          case "value":
          case "optional":
            break;
        }
      }
    } else if (row.assignments === true && /^[^=]+=/.test(text)) {
      i++;
      found.push({ is: "assignment", token });
    } else if (operands.length > 0) {
      if (!new RegExp(operands.shift()!).test(text))
        return unreadable(at, "an argument of a form that it does not have there");
      i++;
      if (row.options_after_operands === true) options = true;
    } else if (!settled && row.skips !== undefined && grammar.skips!.test(text)) i++;
    else if (!settled && grammar.subs.has(text.toLowerCase())) {
      i++;
      grammar = grammar.subs.get(text.toLowerCase())!;
      operands = [...(grammar.row.operands ?? [])];
      operand = 0;
      operands_seen = [];
      self = at;
      unsure = false;
      settled = false;
      options = true;
    } else if (
      unsure &&
      !settled &&
      (row.follows === "script" || (grammar.subs.size > 0 && row.follows === undefined))
    ) {
      i++;
      unsure = false;
      if (row.follows === "script") found.push({ is: "script", token });
    } else {
      settled = true;
      if (row.foreign === true) options = false;
      switch (row.follows ?? "operands") {
        case "program":
          if (row.permutes === true) permuted(tokens, i);
          program(tokens.slice(i));
          return done();
        case "shell":
          if (direct) program(tokens.slice(i));
          else found.push({ is: "shell", at: self });
          return done();
        case "anywhere":
          anywhere(tokens, i);
          return done();
        case "script":
          found.push({ is: "script", token });
          return done();
        case "operands":
          if (row.language !== undefined && operand === 0 && !textGiven) texts.push(token);
          for (const rule of grammar.rules) {
            if ((rule.of === "operands" || rule.of === operand) && rule.pattern.test(text))
              found.push({ is: rule.finds, at });
          }
          operands_seen.push(token);
          operand++;
          i++;
      }
    }
  }
  const { row: last } = grammar;
  for (const rule of grammar.rules) {
    if (rule.of === "joined" && rule.pattern.test(operands_seen.map(({ text }) => text).join("=")))
      found.push({ is: rule.finds, at: operands_seen.at(-1)?.at ?? self });
  }
  if (last.bare === "shell" && operands_seen.length === 0) found.push({ is: "shell", at: self });
  if (last.bare === "code" && argv.length === 0) found.push({ is: "code", at: self });
  awaits =
    last.follows === "program" || last.follows === "shell" || last.follows === "anywhere" || last.follows === "script";
  return done();

  /** The launcher reads options from among what follows as well, and leaves the first `--` out. */
  function permuted(all: readonly Token[], from: number): void {
    for (let j = from + 1; j < all.length; j++) {
      const { text, at } = all[j]!;
      if (text === "--") {
        program([...all.slice(from, j), ...all.slice(j + 1)]);
        return;
      }
      if (text.startsWith("-") && grammar.read(text)?.some(({ kind }) => kind === "shell"))
        found.push({ is: "shell", at });
    }
  }

  function anywhere(all: readonly Token[], from: number): void {
    const dashes = all.findIndex(({ text }, j) => j > from && text === "--");
    if (dashes >= 0 && dashes + 1 < all.length) program(all.slice(dashes + 1));
    const end = dashes < 0 ? all.length : dashes;
    let starts = 0;
    for (let j = from; j < end; j++) {
      if (all[j]!.text.startsWith("-")) continue;
      if (starts++ >= STARTS_MAX) {
        found.push({ is: "unreadable", at: all[j]!.at, why: "more arguments than policy looks through for a program" });
        return;
      }
      program(all.slice(j), j !== from);
    }
  }
}

const NUMBER = /^-[-+]?[0-9]+$/;

/** `find` ends a program by `;`, or by `+` behind `{}`. */
const endsArgs = (tokens: readonly Token[], at: number): boolean =>
  tokens[at]!.text === ";" || (tokens[at]!.text === "+" && tokens[at - 1]?.text === "{}");

interface Compiled {
  readonly row: Grammar;
  readonly strict: boolean;
  readonly read: ReadOption;
  readonly skips: RegExp | null;
  readonly subs: ReadonlyMap<string, Compiled>;
  readonly ruled: ReadonlyMap<string, readonly CompiledRule[]>;
  /** Of what is no option's value. */
  readonly rules: readonly CompiledRule[];
}
type CompiledRule = TextRule & { readonly pattern: RegExp };

const cache = new WeakMap<Grammar, Compiled>();

function compiled(row: Grammar): Compiled {
  let grammar = cache.get(row);
  if (!grammar) cache.set(row, (grammar = compile(row, new Map(), [])));
  return grammar;
}

function compile(row: Grammar, outer: ReadonlyMap<string, OptionKind>, outerRules: readonly TextRule[]): Compiled {
  const known = new Map([...outer, ...optionsOf(row)]);
  const texts = [...outerRules, ...(row.texts ?? [])];
  const ruled = new Map<string, CompiledRule[]>();
  const rules: CompiledRule[] = [];
  for (const text of texts) {
    const rule: CompiledRule = { ...text, pattern: new RegExp(text.refuses, text.exact_case === true ? "s" : "is") };
    if (text.options === undefined) rules.push(rule);
    for (const name of optionNames(row.grammar, text.options ?? "")) {
      ruled.set(name, [...(ruled.get(name) ?? []), rule]);
      if (!known.has(name)) known.set(name, "value");
    }
  }
  const strict = row.follows === "program" || row.follows === "shell";
  const subs = new Map<string, Compiled>();
  for (const [names, sub] of Object.entries(row.subs ?? {})) {
    const inherits = row.inherit === true && sub.grammar === row.grammar;
    const grammar = compile(sub, inherits ? known : new Map(), inherits ? texts : []);
    for (const name of words(names)) subs.set(name, grammar);
  }
  return {
    row,
    strict,
    read: makeReadOption(row.grammar, known, new Set(ruled.keys()), strict),
    skips: row.skips === undefined ? null : new RegExp(row.skips),
    subs,
    ruled,
    rules,
  };
}
