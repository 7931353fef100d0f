import { expect, test } from "vitest";
import { fit, oneLine, safe, safeWithColours, shellWord, width } from "../../src/render/text.ts";

test("control characters of a log are shown as escapes, so that it cannot move the cursor", () => {
  expect(safe("\u001b[2J\u001b]0;title\u0007ok\u009b1m")).toBe("\\x1b[2J\\x1b]0;title\\x07ok\\x9b1m");
});

test("marks that reorder text are shown as escapes", () => {
  expect(safe("a\u202eb\u2066c")).toBe("a\\u202eb\\u2066c");
});

test("tabs, accents and emoji stay as they are", () => {
  expect(safe("\tgrün 👍 日本")).toBe("\tgrün 👍 日本");
});

test("a message of several lines becomes one line", () => {
  expect(oneLine("first\r\n  second\n")).toBe("first second");
});

test("a text is cut to the columns that it takes, not to its characters", () => {
  expect(width("日本")).toBe(4);
  expect(fit("日本語", 5)).toBe("日本…");
  expect(fit("abcdef", 6)).toBe("abcdef");
  expect(fit("abcdef", 4)).toBe("abc…");
});

test("a shown command line can be pasted back", () => {
  expect(["node", "-e", "it's", ""].map(shellWord).join(" ")).toBe("node -e 'it'\\''s' ''");
});

test("colours may pass, and end with their line; nothing else of a terminal's language does", () => {
  const red = "\u001b[31mred\u001b[0m and \u001b[01;38;5;200mbold\u001b[m";
  expect(safeWithColours(red)).toBe(`${red}\u001b[0m`);
  expect(safeWithColours("\u001b[38;2;1;2;3mtrue")).toBe("\u001b[38;2;1;2;3mtrue\u001b[0m");
  const attacks = [
    "\u001b]0;title\u0007",
    "\u001b]8;;http://evil.example\u001b\\\\click\u001b]8;;\u001b\\\\",
    "\u001b]52;c;bGF1Z2g=\u0007",
    "\u001bP+q544e\u001b\\\\",
    "\u001b[2J\u001b[1;1H",
    "\u001b[8mhidden",
    "\u001b[?1049h",
    "\u001b[5n",
    "\u001b[>c",
    "\u009b31m",
    "\u001bc",
    "\r\u001b[K",
    "a\u202eb\u2066c\u200f",
    "\u001b[31;8m",
  ];
  for (const attack of attacks) {
    expect(safeWithColours(attack)).toBe(safe(attack));
    // between colours that do pass
    const shown = safeWithColours(`\u001b[31m${attack}\u001b[39m`);
    expect(shown).toBe(`\u001b[31m${safe(attack)}\u001b[39m\u001b[0m`);
  }
});
