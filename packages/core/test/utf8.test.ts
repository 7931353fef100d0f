import fc from "fast-check";
import { expect, test } from "vitest";
import { isWellFormed, utf8Length } from "../src/utf8.ts";

test("the length in UTF-8 is what an encoder makes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length);
      expect(isWellFormed(text)).toBe(true);
    }),
  );
});

test("half of a surrogate pair is not well formed", () => {
  expect(["\ud83d", "a\ude00", "\ude00\ud83d"].filter(isWellFormed)).toEqual([]);
});
