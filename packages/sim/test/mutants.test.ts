import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mutants } from "../src/mutants/list.ts";
import { mutate, NotPlanted } from "../src/mutants/mutate.ts";

const root = join(import.meta.dirname, "../../..");

test("every planted bug still finds its place, exactly once, in the code as it is built", () => {
  const lost = mutants.flatMap(({ name, edits }) => {
    try {
      for (const edit of edits) {
        mutate(readFileSync(join(root, "packages", `${edit.file.replace(" ", "/dist/")}.js`), "utf8"), [edit]);
      }
      return [];
    } catch (error) {
      if (error instanceof NotPlanted) return [`${name}: ${error.message}`];
      throw error;
    }
  });
  expect(lost).toEqual([]);
  expect(mutants.length).toBeGreaterThanOrEqual(25);
});

test("every planted bug stands in the docs, with a seed that caught it", () => {
  const text = readFileSync(join(root, "docs/internals/testing.md"), "utf8");
  const told = [...text.matchAll(/^\| `([a-z-]+)` \|.*\| (\d+) \| \S.* \|$/gm)].map(([, name]) => name);
  expect(new Set(told)).toEqual(new Set(mutants.map(({ name }) => name)));
});

test("a piece that is not there, or there twice, is an error", () => {
  expect(mutate("a  =\n b;", [{ file: "f", find: "a = b;", replace: "c" }])).toBe("c");
  expect(() => mutate("a; a;", [{ file: "f", find: "a;", replace: "c" }])).toThrow(NotPlanted);
  expect(() => mutate("b;", [{ file: "f", find: "a;", replace: "c" }])).toThrow(NotPlanted);
});
