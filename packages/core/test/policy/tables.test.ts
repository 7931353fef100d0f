import { describe, expect, test } from "vitest";
import { refuseVariable } from "../../src/policy/environment.ts";
import { optionNames, words } from "../../src/policy/options.ts";
import type { Grammar } from "../../src/policy/row.ts";
import { envRows } from "../../src/policy/tables/env.ts";
import { rows } from "../../src/policy/tables/index.ts";
import { shells } from "../../src/policy/tables/shells.ts";
import { exampleWords, judge } from "./fixtures.ts";

const named = [...shells, ...rows];

describe("the examples of the policy's tables", () => {
  for (const { names, match, not_match } of named) {
    const first = words(names)[0]!;
    for (const argv of match.map(exampleWords)) {
      test(`${JSON.stringify(argv)} is refused (${first})`, () => expect(judge(argv).verdict).toBe("deny"));
    }
    for (const argv of not_match.map(exampleWords)) {
      test(`${JSON.stringify(argv)} is allowed (${first})`, () =>
        expect(judge(argv)).toEqual({ verdict: "allow", findings: [] }));
    }
  }
});

describe("the examples of the table of variables", () => {
  for (const { match, not_match, why } of envRows) {
    for (const set of match) test(`${set} is refused`, () => expect(refused(set)).not.toBeNull());
    for (const set of not_match) test(`${set} is allowed (${why})`, () => expect(refused(set)).toBeNull());
  }
  const refused = (set: string) => refuseVariable(set.slice(0, set.indexOf("=")), set.slice(set.indexOf("=") + 1));
});

test("every name of a table is a key that a lookup can meet, once", () => {
  const names = named.flatMap((row) => words(row.names));
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  expect(names.filter((name) => name !== name.toLowerCase() || name.includes("/"))).toEqual([]);
});

const grammarsOf = (row: Grammar): Grammar[] => [row, ...Object.values(row.subs ?? {}).flatMap(grammarsOf)];

test("no option stands twice in a row", () => {
  for (const row of rows) {
    for (const { grammar, options = {} } of grammarsOf(row)) {
      const all = Object.values(options).flatMap((names) => optionNames(grammar, names));
      expect([words(row.names)[0], all.filter((option, i) => all.indexOf(option) !== i)]).toEqual([
        words(row.names)[0],
        [],
      ]);
    }
  }
});

test("every row carries examples of both kinds", () => {
  expect(named.filter(({ match, not_match }) => match.length === 0 || not_match.length === 0)).toEqual([]);
});
