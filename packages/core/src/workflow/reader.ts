import { type Node, isAlias, isMap, isScalar, isSeq } from "yaml";
import type { Json } from "../canonical.ts";
import { pointerTo } from "../pointer.ts";
import { quote } from "../quote.ts";
import { type Found, found } from "./found.ts";

/**
 * Makes plain JSON of YAML nodes. What YAML has beyond JSON and could surprise is refused: tags, merge keys, numbers
 * that JSON lacks. Aliases are taken: a value behind one is shared and not copied, and how much they add is bounded.
 */
export interface Reader {
  read(node: Node): Json;
  /** What each alias that was read stands for. */
  readonly targets: ReadonlyMap<Node, Node>;
  /** Pointers of what was refused: null stands there, and need not be spoken of again. */
  readonly refused: ReadonlySet<string>;
}

const DEPTH_MAX = 64;
/** How many values aliases may add. Without a bound, ten lines make a billion. */
const ALIASED_MAX = 100_000;

interface Read {
  readonly value: Json;
  /** Values in it, those behind aliases counted each time. */
  readonly size: number;
}

export function makeReader(report: (offset: number, one: Found) => void): Reader {
  const anchors = new Map<string, Node>();
  const targets = new Map<Node, Node>();
  const done = new Map<Node, Read>();
  const refused = new Set<string>();
  let aliased = 0;

  const refuse = (node: Node, ...args: Parameters<typeof found>): Read => {
    const one = found(...args);
    report(offsetOf(node), one);
    refused.add(one.problem.place.path);
    return { value: null, size: 1 };
  };

  function read(node: Node, path: string, depth: number): Read {
    if (depth > DEPTH_MAX) return refuse(node, "too-large", path, `the text is nested deeper than ${DEPTH_MAX} levels`);
    if (isAlias(node)) return readAlias(node, node.source, path);
    if (node.anchor !== undefined) anchors.set(node.anchor, node);
    if (node.tag !== undefined) {
      const hint = "take it out; put quotes round what is meant as text";
      return refuse(node, "yaml-unsupported", path, `the tag ${quote(node.tag)} is not taken here`, hint);
    }
    const result = isScalar(node) ? readScalar(node, path) : readCollection(node, path, depth);
    if (node.anchor !== undefined) done.set(node, result);
    return result;
  }

  function readAlias(node: Node, name: string, path: string): Read {
    const target = anchors.get(name);
    if (!target) {
      const hint = "an alias names an anchor (`&name`) that stands before it; quote a text that begins with `*`";
      return refuse(node, "yaml-unsupported", path, `the alias ${quote(`*${name}`)} names nothing`, hint);
    }
    targets.set(node, target);
    const result = done.get(target);
    if (!result) {
      const message = `the alias ${quote(`*${name}`)} stands for a value that is not whole`;
      return refuse(node, "yaml-unsupported", path, message, "write the value out");
    }
    aliased += result.size;
    if (aliased <= ALIASED_MAX) return result;
    return refuse(node, "too-large", path, `aliases add more than ${ALIASED_MAX} values`, "write the values out");
  }

  function readScalar(node: Node & { value: unknown; source?: string }, path: string): Read {
    const { value } = node;
    if (value === null || typeof value === "string" || typeof value === "boolean") return { value, size: 1 };
    if (typeof value === "number" && Number.isFinite(value)) return { value, size: 1 };
    return refuse(node, "value-invalid", path, `${quote(node.source ?? "this")} is no number that JSON has`);
  }

  function readCollection(node: Node, path: string, depth: number): Read {
    let size = 1;
    const readMember = (member: Node | null, place: string): Json => {
      if (member === null) return null;
      const result = read(member, place, depth + 1);
      size += result.size;
      return result.value;
    };
    if (isSeq<Node>(node)) return { value: node.items.map((item, i) => readMember(item, pointerTo(path, i))), size };
    const members = new Map<string, Json>();
    for (const { key, value } of isMap<Node, Node>(node) ? node.items : []) {
      const name = isScalar(key) ? String(key.value) : "";
      const place = pointerTo(path, name);
      if (name === "<<" && isScalar(key) && key.type === "PLAIN") {
        const hint = "write the keys out, or give the whole mapping by an alias";
        const message = "`<<` is a merge key, which YAML 1.2 does not have";
        report(offsetOf(key), found("yaml-unsupported", place, message, hint));
      } else if (members.has(name)) {
        const message = `the key ${quote(name)} stands here a second time`;
        report(offsetOf(key), found("key-duplicate", place, message, "leave one of them out"));
      } else members.set(name, readMember(value, place));
    }
    // Not by assignment: `__proto__` is a key like any other.
    return { value: Object.fromEntries(members), size };
  }

  return { read: (node) => read(node, "", 0).value, targets, refused };
}

const offsetOf = (node: Node): number => node.range?.[0] ?? 0;
