import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { flowList, quote, visible } from "../src/quote.ts";

test("a quoted text is one short line that cannot steer a terminal", () => {
  expect(quote("a\u001b[31m\nb\u202e")).toBe("`a\\u{001b}[31m\\u{000a}b\\u{202e}`");
  expect(quote("x".repeat(1_000))).toHaveLength(82);
});

test("a list of words as YAML reads back as the same words", () => {
  expect(flowList(["npm", "run", "./x", "-c", "a b", "5", "true", ""])).toBe(
    '[npm, run, ./x, -c, "a b", "5", "true", ""]',
  );
  const word = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.constantFrom("null", "~", "0x1", "1e3", "-", "--", "yes", "No", ".inf", "=", "<<"),
  );
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
      fc.pre(words.every((w) => visible(w) === w));
      expect(parse(flowList(words))).toEqual(words);
    }),
  );
});
