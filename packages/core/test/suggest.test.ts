import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { editDistance, suggest } from "../src/suggest.ts";

describe("a suggestion", () => {
  test.each([
    ["requries", "requires"],
    ["tset", "test"],
    ["alow_shell", "allow_shell"],
    ["Build", "build"],
  ])("for %s is %s", (word, expected) => {
    expect(suggest(word, ["exec", "build", "test", "requires", "allow_shell"])).toBe(expected);
  });

  test("is not made where nothing is near", () => {
    expect(suggest("deploy", ["build", "test"])).toBeNull();
    expect(suggest("x", ["exec"])).toBeNull();
    expect(suggest("x", [])).toBeNull();
  });

  test("is the nearest, and the first of equals", () => {
    expect(suggest("build-a", ["build-bb", "build-b", "build-c"])).toBe("build-b");
  });
});

describe("the distance of two words", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 7 });

  test("counts insertions, deletions, substitutions and swaps of neighbours", () => {
    expect(["", "tset", "tes", "testt", "tast", "estt"].map((w) => editDistance(w, "test"))).toEqual([
      4, 1, 1, 1, 1, 2,
    ]);
  });

  test("is what the plain recursion gives", () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(plain(a, b));
      }),
    );
  });

  test("stays beyond a limit that it exceeds, and is exact within it", () => {
    fc.assert(
      fc.property(word, word, fc.integer({ min: 0, max: 4 }), (a, b, limit) => {
        const exact = plain(a, b);
        const limited = editDistance(a, b, limit);
        if (exact <= limit) expect(limited).toBe(exact);
        else expect(limited).toBeGreaterThan(limit);
      }),
    );
  });
});

function plain(a: string, b: string): number {
  if (a === "" || b === "") return a.length + b.length;
  const [headA, headB] = [a.slice(0, -1), b.slice(0, -1)];
  const same = a.at(-1) === b.at(-1) ? 0 : 1;
  const costs = [plain(headA, b) + 1, plain(a, headB) + 1, plain(headA, headB) + same];
  if (a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1)) {
    costs.push(plain(a.slice(0, -2), b.slice(0, -2)) + 1);
  }
  return Math.min(...costs);
}
