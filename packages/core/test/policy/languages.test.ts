import { expect, test } from "vitest";
import { readAwk } from "../../src/policy/languages/awk.ts";
import { readSed } from "../../src/policy/languages/sed.ts";

test.each([
  ["BEGIN { system(x) }", "`system`"],
  ["BEGIN { system (x) }", "`system`"],
  ['{ print | "x" }', "a pipe"],
  ['{ print "a" |& "x" }', "a pipe"],
  ["{ @f(1) }", "`@`"],
  ['{ a = b / 2; print | "x" / 2 }', "a pipe"],
  ['{ (a) / 2; print | "x" / 2 }', "a pipe"],
  ['{ a[1] / 2; print | "x" / 2 }', "a pipe"],
  ['{ a++ / 2; print | "x" / 2 }', "a pipe"],
  ['{ $1 / 2; print | "x" / 2 }', "a pipe"],
  ['/[/]/ { print | "x" }', "a pipe"],
  ['# "\n{ print | "x" }', "a pipe"],
  ['{ print "\\"" | "x" }', "a pipe"],
])("awk: %s starts something", (text, why) => expect(readAwk(text)).toBe(why));

test.each([
  '{ print "system(1) | @" }',
  "/a|b|system/",
  "!/a|b/",
  "$1 ~ /a|b/ && !($2 ~ /c|d/)",
  "a || b",
  "{ print $1 / $2 / $3 }",
  "# system | @",
  '/^[^|]*$/ { n++ } END { print n "|" }',
  "{ split($0, a, /[|,]/) }",
  "{ filesystem = 1; systems(2) }",
])("awk: %s starts nothing", (text) => expect(readAwk(text)).toBeNull());

test.each([
  ["e", "`e`"],
  ["1e ls", "`e`"],
  ["$!e ls", "`e`"],
  ["/a/,/b/e", "`e`"],
  ["\\,a,e", "`e`"],
  ["0~3 e", "`e`"],
  ["s/a/b/e", "the flag `e`"],
  ["s/a/b/gIe", "the flag `e`"],
  ["s|a|b|2e", "the flag `e`"],
  ["s/[/]/b/e", "the flag `e`"],
  ["p;p\n{n;e\n}", "`e`"],
  ["a\\\ntext\ne ls", "`e`"],
  ["r file\ne", "`e`"],
  ["w /etc/x", "a file that `w` writes outside of the workspace"],
  ["s/a/b/gw ../x", "a file that `w` writes outside of the workspace"],
  ["s/a", "a script that policy cannot read"],
  ["k", "a script that policy cannot read"],
])("sed: %s is refused", (text, why) => expect(readSed(text, ".")).toBe(why));

test.each([
  "s/e/e/g",
  "/e/d",
  "s/a/e ls/",
  "a e ls",
  "i\\\ne ls\\\nw /etc/x",
  "y/e/w/",
  ":e;N;be",
  "# e ls",
  "r /etc/os-release",
  "w out/x",
  "s/a/b/w /dev/stdout",
  "$!{h;d};x;G",
  "1,10{/x/!s/a/b/;p}",
  "10q5",
])("sed: %s is let through", (text) => expect(readSed(text, "a")).toBeNull());
