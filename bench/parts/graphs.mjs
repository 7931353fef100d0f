// Graphs as lists: for each stage the numbers of those that it requires.

export const wide = (count) => Array.from({ length: count }, () => []);

/** `count` stages and one more that requires them all. */
export const fan = (count) => [...wide(count), Array.from({ length: count }, (_, i) => i)];

export const chain = (count) => Array.from({ length: count }, (_, i) => (i === 0 ? [] : [i - 1]));

/** `depth` layers of `width` stages, each requiring `requires` of the layer before it. */
export const layers = (depth, width, requires) =>
  Array.from({ length: depth * width }, (_, i) =>
    i < width
      ? []
      : Array.from({ length: requires }, (_, k) => (Math.floor(i / width) - 1) * width + ((i + k) % width)),
  );

export const stageName = (i) => `s${i}`;

export function workflow(graph, argv = ["/bin/true"]) {
  const stages = Object.fromEntries(
    graph.map((requires, i) => [stageName(i), { requires: requires.map(stageName), exec: [argv] }]),
  );
  return { name: "bench", stages };
}
