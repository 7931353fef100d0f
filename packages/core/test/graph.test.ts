import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Graph, downstream, findCycles, levels, order, upstream } from "../src/graph.ts";

const graph = (requires: Record<string, string[]>): Graph => new Map(Object.entries(requires));

const names = ["a", "b", "c", "d", "e", "f"];
const anyGraph = fc
  .tuple(...names.map(() => fc.subarray(names)))
  .map((all): Graph => new Map(names.map((name, i) => [name, all[i]!])));
const acyclicGraph = fc
  .tuple(fc.shuffledSubarray(names, { minLength: 6 }), ...names.map(() => fc.subarray(names)))
  .map(
    ([shuffled, ...all]): Graph => new Map(shuffled.map((n, i) => [n, all[i]!.filter((r) => shuffled.indexOf(r) < i)])),
  );

/** Brute force: whom one can reach by one or more edges. */
function reachable(of: Graph, from: string): Set<string> {
  let seen = new Set<string>();
  for (;;) {
    const next = new Set([...seen, from].flatMap((id) => [...(of.get(id) ?? [])]));
    if (next.size === seen.size) return seen;
    seen = new Set([...seen, ...next]);
  }
}

describe("levels and order", () => {
  test("put a name after all that it requires, and equals by name", () => {
    const diamond = graph({ end: ["right", "left"], right: ["begin"], left: ["begin"], begin: [], alone: [] });
    expect(levels(diamond)).toEqual([["alone", "begin"], ["left", "right"], ["end"]]);
    expect(order(diamond)).toEqual(["alone", "begin", "left", "right", "end"]);
  });

  test("leave out what stands in a circle or behind one", () => {
    expect(order(graph({ a: ["b"], b: ["a"], c: ["a"], d: [] }))).toEqual(["d"]);
  });

  test("hold all names of any graph without a circle, each after its requirements, as deep as its longest chain", () => {
    fc.assert(
      fc.property(acyclicGraph, (g) => {
        const sorted = order(g);
        expect([...sorted].sort()).toEqual([...g.keys()].sort());
        for (const [id, requires] of g)
          for (const r of requires) expect(sorted.indexOf(r)).toBeLessThan(sorted.indexOf(id));
        const depth = (id: string): number => 1 + Math.max(-1, ...g.get(id)!.map(depth));
        for (const [level, ids] of levels(g).entries()) for (const id of ids) expect(depth(id)).toBe(level);
      }),
    );
  });
});

describe("upstream and downstream", () => {
  test("follow requirements there and back", () => {
    const chain = graph({ a: [], b: ["a"], c: ["b"], d: ["a"] });
    expect([...upstream(chain, "c")].sort()).toEqual(["a", "b"]);
    expect([...downstream(chain, "a")].sort()).toEqual(["b", "c", "d"]);
    expect([...upstream(chain, "nobody")]).toEqual([]);
  });

  test("are what brute force finds, and each other's reverse", () => {
    fc.assert(
      fc.property(anyGraph, (g) => {
        for (const id of names) {
          expect([...upstream(g, id)].sort()).toEqual([...reachable(g, id)].sort());
          for (const other of names) expect(downstream(g, id).has(other)).toBe(upstream(g, other).has(id));
        }
      }),
    );
  });
});

describe("circles", () => {
  test("are lists of names, each once", () => {
    expect(findCycles(graph({ a: ["b"], b: ["c"], c: ["a"], d: ["d"], e: ["a"] }))).toEqual([["a", "b", "c"], ["d"]]);
    expect(findCycles(graph({ hub: ["x", "y"], x: ["hub"], y: ["hub"] }))).toEqual([
      ["hub", "x"],
      ["hub", "y"],
    ]);
  });

  test("are real and distinct, and without their last edges none is left", () => {
    fc.assert(
      fc.property(anyGraph, (g) => {
        const cycles = findCycles(g);
        expect(cycles.length === 0).toBe(names.every((id) => !reachable(g, id).has(id)));
        expect(new Set(cycles.map((cycle) => cycle.join())).size).toBe(cycles.length);
        const cut = new Map([...g].map(([id, requires]) => [id, [...requires]]));
        for (const cycle of cycles) {
          expect(new Set(cycle).size).toBe(cycle.length);
          for (const [i, id] of cycle.entries()) expect(g.get(id)).toContain(cycle[(i + 1) % cycle.length]);
          cut.set(
            cycle.at(-1)!,
            cut.get(cycle.at(-1)!)!.filter((r) => r !== cycle[0]),
          );
        }
        expect(findCycles(cut)).toEqual([]);
      }),
    );
  });

  test("end at a bound, since there may be more than anybody could read", () => {
    const all = Array.from({ length: 60 }, (_, i) => `n${i}`);
    expect(findCycles(new Map(all.map((id) => [id, all])), 50)).toHaveLength(50);
  });
});

test("a chain of 100,000 is no deeper than the stack", () => {
  const chain: Graph = new Map(Array.from({ length: 100_000 }, (_, i) => [`n${i}`, i === 99_999 ? [] : [`n${i + 1}`]]));
  expect(levels(chain)).toHaveLength(100_000);
  expect(findCycles(chain)).toEqual([]);
  expect(upstream(chain, "n0").size).toBe(99_999);
});
