/**
 * A graph as names with what each requires: `B: [A]` means B depends on A. Pure helpers, linear in names and edges
 * unless said, and without recursion: a chain may be 100,000 long.
 */
export type Graph = ReadonlyMap<string, readonly string[]>;

/** `requires` of stages in the order in which they stand. */
export const graphOf = (stages: Readonly<Record<string, { readonly requires: readonly string[] }>>): Graph =>
  new Map(Object.entries(stages).map(([id, { requires }]) => [id, requires]));

/** The other direction: who requires each name. */
export function dependents(graph: Graph): Map<string, string[]> {
  const out = new Map<string, string[]>();
  for (const id of graph.keys()) out.set(id, []);
  for (const [id, requires] of graph) for (const required of requires) out.get(required)?.push(id);
  return out;
}

/**
 * Kahn's algorithm: level 0 requires nothing, level n + 1 requires something of level n and nothing later. Names are
 * sorted within a level. What stands in a circle, behind one, or requires an unknown name is in no level.
 */
export function levels(graph: Graph): string[][] {
  const unmet = new Map<string, number>();
  for (const [id, requires] of graph) unmet.set(id, requires.length);
  const dependentsOf = dependents(graph);
  const out: string[][] = [];
  let level = [...unmet.keys()].filter((id) => unmet.get(id) === 0).sort();
  while (level.length > 0) {
    out.push(level);
    const next: string[] = [];
    for (const id of level) {
      for (const dependent of dependentsOf.get(id) ?? []) {
        const left = unmet.get(dependent)! - 1;
        unmet.set(dependent, left);
        if (left === 0) next.push(dependent);
      }
    }
    level = next.sort();
  }
  return out;
}

/** All names, each after all that it requires; shorter than the graph where there is a circle (see `levels`). */
export const order = (graph: Graph): string[] => levels(graph).flat();

/** All that `id` requires, directly or through others. Without `id` itself, unless it stands in a circle. */
export const upstream = (graph: Graph, id: string): Set<string> => reach(graph, id);

/** All that requires `id`, directly or through others. */
export const downstream = (graph: Graph, id: string): Set<string> => reach(dependents(graph), id);

function reach(edges: ReadonlyMap<string, readonly string[]>, from: string): Set<string> {
  const seen = new Set<string>();
  const todo = [...(edges.get(from) ?? [])];
  for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
    if (seen.has(id) || !edges.has(id)) continue;
    seen.add(id);
    for (const next of edges.get(id) ?? []) todo.push(next);
  }
  return seen;
}

/**
 * Circles as lists of names, `[a, b]` for a -> b -> a; a name that requires itself is `[a]`. One for each edge that
 * closes a circle in a walk in the graph's own order, so no two are the same, and without those edges (from the last
 * name of a circle to its first) none is left. There may be more elementary circles than anybody could count.
 */
export function findCycles(graph: Graph, cycles_max = 100): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const depth = new Map<string, number>();
  const path: { readonly id: string; readonly requires: readonly string[]; next: number }[] = [];
  const enter = (id: string): void => {
    depth.set(id, path.length);
    path.push({ id, requires: graph.get(id) ?? [], next: 0 });
  };
  for (const root of graph.keys()) {
    if (!done.has(root)) enter(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const required = top.requires[top.next++];
      if (required === undefined) {
        done.add(top.id);
        depth.delete(top.id);
        path.pop();
      } else if (depth.has(required)) {
        cycles.push(path.slice(depth.get(required)).map(({ id }) => id));
        if (cycles.length === cycles_max) return cycles;
      } else if (!done.has(required) && graph.has(required)) enter(required);
    }
  }
  return cycles;
}
