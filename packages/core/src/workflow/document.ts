import { type Document, LineCounter, type Node, type YAMLError, isMap, isSeq, parseDocument } from "yaml";
import type { Json } from "../canonical.ts";
import { pointerSegments } from "../pointer.ts";
import type { Place } from "../problem.ts";
import { type Found, type Report, found } from "./found.ts";
import { makeReader } from "./reader.ts";

/** A YAML 1.2 or JSON text as plain JSON, with the places of its parts. */
export interface SourceDocument {
  readonly value: Json;
  readonly locate: Locate;
  /** Pointers of what could not be taken and is null: reported, and nothing more need be said of it. */
  readonly refused: ReadonlySet<string>;
}

/** Line and column of the key or value at a JSON Pointer; of the nearest part above it where it has none itself. */
export type Locate = (path: string, at?: Found["at"]) => Place;

/** The document, or null where the text does not parse, so that nothing can be said of what it means. */
export function readDocument(text: string, report: Report): SourceDocument | null {
  const lines = new LineCounter();
  const placeAt = (path: string, offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { path, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const reportAt = (offset: number, one: Found): void =>
    report({ ...one, problem: { ...one.problem, place: placeAt(one.problem.place.path, offset) } });

  const document = parse(text, lines);
  if (typeof document === "string") {
    const message = `the text cannot be parsed (${document})`;
    reportAt(0, found("too-large", "", message, "write it with less nesting"));
    return null;
  }
  for (const error of document.errors) reportAt(error.pos[0], syntaxProblem(error));
  if (document.errors.length > 0) return null;
  const { yaml } = document.directives;
  if (yaml.explicit === true && yaml.version !== "1.2") {
    const hint = "take the %YAML line out: the file is read as YAML 1.2";
    reportAt(0, found("yaml-unsupported", "", `the file says that it is YAML ${yaml.version}`, hint));
    return null;
  }
  const reader = makeReader(reportAt);
  const root: Node | null = document.contents;
  const value = root === null ? null : reader.read(root);
  return { value, locate: makeLocate(root, reader.targets, placeAt), refused: reader.refused };
}

function parse(text: string, lineCounter: LineCounter): Document.Parsed | string {
  try {
    // Duplicate keys are the reader's to find: the package compares each key with each other.
    const options = { uniqueKeys: false, stringKeys: true, prettyErrors: false, logLevel: "error" } as const;
    return parseDocument(text, { ...options, lineCounter, version: "1.2", schema: "core" });
  } catch (error) {
    // Only for texts made to break parsers, where the package exhausts its stack.
    return error instanceof Error ? error.message : "unknown";
  }
}

const SYNTAX_HINTS: Partial<Record<YAMLError["code"], string>> = {
  BAD_ALIAS: "quote a text that begins with `*` or `&`",
  BAD_DQ_ESCAPE: "write the backslash twice, or use single quotes",
  BAD_INDENT: "lines of one level begin in the same column",
  BAD_SCALAR_START: "quote a text that begins with a special character",
  BLOCK_AS_IMPLICIT_KEY: "put the nested mapping on a line of its own, or quote a text that holds `: `",
  MISSING_CHAR: "look for a missing quote, bracket, comma or colon here or just before",
  MULTIPLE_DOCS: "one file holds one workflow: take out the `---` and what follows",
  NON_STRING_KEY: "write a plain word as the key",
  TAB_AS_INDENT: "indent with spaces",
};

/** Where the package speaks of itself. */
const SYNTAX_MESSAGES: Partial<Record<YAMLError["code"], string>> = {
  MULTIPLE_DOCS: "the file holds several documents",
  NON_STRING_KEY: "a key is not a plain text",
};

function syntaxProblem({ code, message }: YAMLError): Found {
  if (code === "RESOURCE_EXHAUSTION") return found("too-large", "", "the text is nested too deeply to be read");
  const said =
    SYNTAX_MESSAGES[code] ?? message.replace(/closing (.)quote/, "closing $1 quote").replace(/[.:]?\s*$/, "");
  return found("yaml-syntax", "", said.charAt(0).toLowerCase() + said.slice(1), SYNTAX_HINTS[code]);
}

interface Part {
  readonly key: Node | null;
  readonly value: Node | null;
}

/** Many problems may ask for places in one large mapping, so each mapping is indexed when it is first asked. */
function makeLocate(
  root: Node | null,
  targets: ReadonlyMap<Node, Node>,
  placeAt: (path: string, offset: number) => Place,
): Locate {
  const indexes = new Map<Node, ReadonlyMap<string, Part>>();
  const partsOf = (node: Node): ReadonlyMap<string, Part> => {
    let index = indexes.get(node);
    if (!index) indexes.set(node, (index = indexOf(node)));
    return index;
  };
  return (path, at = "value") => {
    let part: Part = { key: null, value: root };
    for (const segment of pointerSegments(path)) {
      const node = part.value === null ? null : (targets.get(part.value) ?? part.value);
      const next = node === null ? undefined : partsOf(node).get(segment);
      // A command written as a plain list is its own argv.
      if (!next && segment === "argv" && isSeq(node)) continue;
      if (!next) break;
      part = next;
    }
    const value = part.value?.range ? part.value : null;
    const node = at === "key" ? (part.key ?? value) : (value ?? part.key);
    return placeAt(path, node?.range?.[0] ?? 0);
  };
}

function indexOf(node: Node): ReadonlyMap<string, Part> {
  const parts = new Map<string, Part>();
  if (isSeq<Node>(node)) for (const [i, value] of node.items.entries()) parts.set(String(i), { key: null, value });
  if (isMap<Node & { value?: unknown }, Node>(node)) {
    for (const { key, value } of node.items) {
      const name = String(key.value);
      if (!parts.has(name)) parts.set(name, { key, value });
    }
  }
  return parts;
}
