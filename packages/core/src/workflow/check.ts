import { pointerTo } from "../pointer.ts";
import type { ProblemCode } from "../problem.ts";
import { quote } from "../quote.ts";
import { assert } from "../result.ts";
import type { TSchema } from "../schema.ts";
import { suggest } from "../suggest.ts";
import { isWellFormed } from "../utf8.ts";
import { type Report, found } from "./found.ts";
import { type Node, fits, isMapping } from "./node.ts";
import { describe, example, hintFor, nounOf, subject } from "./say.ts";

/**
 * Reads the part of JSON Schema that `schema.ts` uses, and finds everything that is wrong at once. It differs from a
 * general validator where messages ask for it: a union is decided by the shape of the value, so a slip in one stage
 * is one problem and not one per alternative; and the annotations `x-…` (see schema.ts) say how to speak.
 */
export type Check = (value: unknown, path: string, report: Report) => void;

/** What a rule or an explanation may say of a value. The place and, where not given, the code are the checker's. */
export interface Said {
  readonly code?: ProblemCode;
  readonly message: string;
  readonly hint?: string;
}

export interface Rules {
  /** Called with values of the right type; what lies within them may still be wrong, and is reported by others. */
  readonly rules: Readonly<Record<string, Check>>;
  /** Called with a value that is not what the schema wants, or a key that does not match. Null: the general sentence will do. */
  readonly explanations: Readonly<Record<string, (value: unknown) => Said | null>>;
}

const KEYWORDS = new Set(
  (
    "type const anyOf properties required patternProperties additionalProperties minProperties maxProperties items minItems " +
    "maxItems uniqueItems minLength maxLength minimum maximum pattern description default " +
    "x-noun x-code x-code-repeated x-example x-rule x-explain x-explain-key x-key-hints x-discriminator"
  ).split(" "),
);

/** A check made of a schema, once. Throws where the schema says something that this interpreter does not know. */
export const compileCheck = (schema: TSchema, rules: Rules): Check => compile(schema as Node, rules);

function compile(node: Node, rules: Rules): Check {
  for (const keyword of Object.keys(node)) assert(KEYWORDS.has(keyword), `check.ts does not know ${keyword}`);
  const check = node.anyOf ? compileUnion(node, node.anyOf, rules) : compileTyped(node, rules);
  const rule = named(rules.rules, node["x-rule"]);
  if (!rule) return check;
  return (value, path, report) => {
    check(value, path, report);
    if (fits(node, value)) rule(value, path, report);
  };
}

function compileTyped(node: Node, rules: Rules): Check {
  if (node.const !== undefined) {
    return (value, path, report) => {
      if (value !== node.const) reportMismatch(node, rules, value, path, report);
    };
  }
  switch (node.type) {
    case "string":
      return compileString(node, rules);
    case "integer":
      return compileInteger(node, rules);
    case "array":
      return compileArray(node, rules);
    case "object":
      return node.patternProperties ? compileRecord(node, rules) : compileObject(node, rules);
    default:
      assert(node.type === "boolean", `check.ts does not know the type ${node.type}`);
      return (value, path, report) => {
        if (!fits(node, value)) reportMismatch(node, rules, value, path, report);
      };
  }
}

function compileString(node: Node, rules: Rules): Check {
  const pattern = node.pattern === undefined ? null : new RegExp(node.pattern, "u");
  const code = node["x-code"] ?? "value-invalid";
  return (value, path, report) => {
    if (typeof value !== "string") return reportMismatch(node, rules, value, path, report);
    const flaw = flawOfText(value);
    if (flaw) return report(found(code, path, `${subject(path)} ${flaw.message}`, flaw.hint));
    if (value.length < (node.minLength ?? 0)) report(found(code, path, `${subject(path)} is empty`, example(node)));
    if (node.maxLength !== undefined && value.length > node.maxLength) {
      const message = `${subject(path)} has ${value.length} characters; at most ${node.maxLength} are taken`;
      report(found(code, path, message));
    }
    if (pattern && !pattern.test(value)) reportMismatch(node, rules, value, path, report);
  };
}

/** What no process and no digest could carry, in whatever place. */
function flawOfText(text: string): { message: string; hint: string } | null {
  if (text.includes("\0"))
    return { message: "holds a NUL character, which no program can be given", hint: "take it out" };
  if (isWellFormed(text)) return null;
  return { message: "holds half of a surrogate pair, which has no form in UTF-8", hint: "write the whole character" };
}

function compileInteger(node: Node, rules: Rules): Check {
  const { minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER } = node;
  return (value, path, report) => {
    if (typeof value !== "number" || !Number.isInteger(value)) return reportMismatch(node, rules, value, path, report);
    if (value >= minimum && value <= maximum) return;
    report(
      found(
        node["x-code"] ?? "value-invalid",
        path,
        `${subject(path)} is ${value}; it goes from ${minimum} to ${maximum}`,
      ),
    );
  };
}

function compileArray(node: Node, rules: Rules): Check {
  assert(node.items, "an array says what its items are");
  const item = compile(node.items, rules);
  const code = node["x-code"] ?? "value-invalid";
  const codeRepeated = node["x-code-repeated"] ?? "value-invalid";
  const explain = named(rules.explanations, node["x-explain"]);
  return (value, path, report) => {
    if (!Array.isArray(value) || explain?.(value)) return reportMismatch(node, rules, value, path, report);
    if (value.length < (node.minItems ?? 0))
      report(found(code, path, `${subject(path)} is an empty list`, example(node)));
    if (node.maxItems !== undefined && value.length > node.maxItems) {
      const message = `${subject(path)} has ${value.length} items; at most ${node.maxItems} are taken`;
      return report(found(node["x-code"] ?? "too-large", path, message));
    }
    const seen = new Map<unknown, number>();
    for (const [i, member] of value.entries()) {
      item(member, `${path}/${i}`, report);
      if (!node.uniqueItems || typeof member !== "string") continue;
      const first = seen.get(member);
      if (first === undefined) seen.set(member, i);
      else {
        const message = `${subject(path)} names ${quote(member)} twice, as items ${first + 1} and ${i + 1}`;
        report(found(codeRepeated, `${path}/${i}`, message, "leave one of them out"));
      }
    }
  };
}

function compileRecord(node: Node, rules: Rules): Check {
  const patterns = Object.entries(node.patternProperties ?? {});
  assert(patterns.length === 1, "a record has one pattern");
  const [source, member] = patterns[0]!;
  const pattern = new RegExp(source, "u");
  const check = compile(member, rules);
  const explainKey = named(rules.explanations, node["x-explain-key"]);
  return (value, path, report) => {
    if (!isMapping(value)) return reportMismatch(node, rules, value, path, report);
    const keys = Object.keys(value);
    if (keys.length < (node.minProperties ?? 0)) return reportMismatch(node, rules, value, path, report);
    if (node.maxProperties !== undefined && keys.length > node.maxProperties) {
      const message = `${subject(path)} has ${keys.length} entries; at most ${node.maxProperties} are taken`;
      return report(found("too-large", path, message));
    }
    for (const key of keys) {
      const place = pointerTo(path, key);
      if (!pattern.test(key)) {
        const said = explainKey?.(key) ?? { message: `${quote(key)} is not a name that is taken here` };
        report(found(said.code ?? node["x-code"] ?? "key-unknown", place, said.message, said.hint, "key"));
      }
      check(value[key], place, report);
    }
  };
}

function compileObject(node: Node, rules: Rules): Check {
  const { properties = {}, required = [] } = node;
  const checks = new Map(Object.entries(properties).map(([key, member]) => [key, compile(member, rules)]));
  const noun = node["x-noun"];
  const hints = new Map(Object.entries(node["x-key-hints"] ?? {}));
  return (value, path, report) => {
    if (!isMapping(value)) return reportMismatch(node, rules, value, path, report);
    for (const key of Object.keys(value)) {
      const check = checks.get(key);
      if (check) check(value[key], pointerTo(path, key), report);
      else {
        const owner = noun?.startsWith("a mapping") === false ? noun : subject(path);
        const near = suggest(key, checks.keys());
        const hint =
          hints.get(key) ?? (near ? `did you mean \`${near}\`?` : `${owner} takes ${[...checks.keys()].join(", ")}`);
        report(found("key-unknown", pointerTo(path, key), `${quote(key)} is not a key of ${owner}`, hint, "key"));
      }
    }
    for (const key of required) {
      if (Object.hasOwn(value, key)) continue;
      const message = `${subject(path)} has no \`${key}\``;
      report(found("key-missing", path, message, `add ${properties[key]?.["x-example"] ?? `\`${key}\``}`, "key"));
    }
  };
}

/** Decided by the type of the value and, among mappings, by the discriminating key: the first alternative is the default. */
function compileUnion(node: Node, alternatives: readonly Node[], rules: Rules): Check {
  const checks = alternatives.map((alternative) => compile(alternative, rules));
  const key = node["x-discriminator"];
  return (value, path, report) => {
    if (key !== undefined && isMapping(value)) {
      const chosen = alternatives.findIndex((a) => a.properties?.[key]?.const === value[key]);
      if (chosen !== -1) return checks[chosen]!(value, path, report);
      // No kind, or an unknown one: the alternative that shares the most keys tells the most about the rest.
      const shared = alternatives.map(
        (a) => Object.keys(value).filter((k) => Object.hasOwn(a.properties ?? {}, k)).length,
      );
      return checks[shared.indexOf(Math.max(...shared))]!(value, path, report);
    }
    const fitting = alternatives.findIndex((a) => (a.const === undefined ? fits(a, value) : a.const === value));
    if (fitting === -1) reportMismatch(node, rules, value, path, report);
    else checks[fitting]!(value, path, report);
  };
}

function reportMismatch(node: Node, rules: Rules, value: unknown, path: string, report: Report): void {
  const said = named(rules.explanations, node["x-explain"])?.(value);
  const message = said?.message ?? `${subject(path)} takes ${nounOf(node)}, and this is ${describe(value)}`;
  const hint = said ? said.hint : hintFor(node, value);
  report(found(said?.code ?? node["x-code"] ?? "value-invalid", path, message, hint));
}

function named<T>(table: Readonly<Record<string, T>>, name: string | undefined): T | undefined {
  if (name === undefined) return undefined;
  assert(Object.hasOwn(table, name), `rules.ts has no ${name}`);
  return table[name];
}
