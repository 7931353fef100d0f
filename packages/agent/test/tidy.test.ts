import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";

const SRC = join(import.meta.dirname, "..", "src");
const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));

/** Time, randomness, processes, files and sockets. `node:path` and `node:crypto`'s hashes are pure. */
const WORLD =
  /(?<![.\w])process\.\w|\bsetTimeout|\bsetInterval|\bsetImmediate|\bDate\.now|\bperformance\.|Math\.random|"node:(?!path"|crypto")/;

test("only `real/` and the program touch the world: a simulator drives all the rest", () => {
  const guilty = files
    .filter((name) => !name.startsWith("real/") && name !== "main.ts")
    .filter((name) => WORLD.test(readFileSync(join(SRC, name), "utf8").replace(/^\s*(\/\/|\*|\/\*).*$/gm, "")));
  expect(guilty).toEqual([]);
});

test("the agent imports core and its own files, and nothing else of ours", () => {
  for (const name of files) {
    const text = readFileSync(join(SRC, name), "utf8");
    for (const [, from] of text.matchAll(/from "([^"]+)"/g)) {
      if (from!.startsWith("orchestrator-")) expect([name, from]).toEqual([name, "orchestrator-core"]);
      if (from!.startsWith(".")) expect(relative(SRC, join(SRC, name, "..", from!)).startsWith("..")).toBe(false);
    }
  }
});
