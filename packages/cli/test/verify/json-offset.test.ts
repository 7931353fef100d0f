import fc from "fast-check";
import { expect, test } from "vitest";
import { firstDifference, jsonErrorOffset } from "../../src/verify/json-offset.ts";

test("what JSON.parse takes has no error, whatever it is", () => {
  fc.assert(fc.property(fc.json(), (text) => jsonErrorOffset(text) === null));
});

test("a text that is cut off is wrong at its end", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.integer(), { minKeys: 1 }), fc.nat(), (value, cut) => {
      const text = JSON.stringify(value);
      const short = text.slice(0, 1 + (cut % (text.length - 1)));
      expect(jsonErrorOffset(short)).not.toBeNull();
    }),
  );
});

test("it agrees with JSON.parse on what is JSON, one changed character away from it", () => {
  fc.assert(
    fc.property(fc.json(), fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (text, place, char) => {
      const at = place % text.length;
      const changed = text.slice(0, at) + char + text.slice(at + 1);
      let parses = true;
      try {
        JSON.parse(changed);
      } catch {
        parses = false;
      }
      expect(jsonErrorOffset(changed) === null).toBe(parses);
    }),
  );
});

test("the first wrong character is named", () => {
  expect(jsonErrorOffset('{"a":1,}')).toBe(7);
  expect(jsonErrorOffset('{"a" 1}')).toBe(5);
  expect(jsonErrorOffset("[1,2")).toBe(4);
  expect(jsonErrorOffset("[1] 2")).toBe(4);
  expect(jsonErrorOffset("")).toBe(0);
});

test("the first difference of two texts is a byte", () => {
  expect(firstDifference(Buffer.from("abc"), Buffer.from("abd"))).toBe(2);
  expect(firstDifference(Buffer.from("ab"), Buffer.from("abc"))).toBe(2);
  expect(firstDifference(Buffer.from("abc"), Buffer.from("abc"))).toBeNull();
});
