import { describe, expect, test } from "vitest";
import { launchers } from "../../src/policy/launchers.ts";
import { shells } from "../../src/policy/shells.ts";
import { judge } from "./fixtures.ts";

const rows = [...shells, ...launchers];

describe("the examples of the policy's tables", () => {
  for (const { names, match, not_match } of rows) {
    for (const argv of match) {
      test(`${JSON.stringify(argv)} is refused (${names[0]})`, () => expect(judge(argv).verdict).toBe("deny"));
    }
    for (const argv of not_match) {
      test(`${JSON.stringify(argv)} is allowed (${names[0]})`, () =>
        expect(judge(argv)).toEqual({ verdict: "allow", findings: [] }));
    }
  }
});

test("every name of a table is a key that a lookup can meet, once", () => {
  const names = rows.flatMap((row) => row.names);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => name !== name.toLowerCase() || name.includes("/"))).toEqual([]);
});

test("no option stands twice in a row", () => {
  for (const { names, options } of launchers) {
    const all = Object.values(options).flatMap(({ short = "", long = [] }) => short.split("").concat(long));
    expect([names[0], all.filter((option, i) => all.indexOf(option) !== i)]).toEqual([names[0], []]);
  }
});
