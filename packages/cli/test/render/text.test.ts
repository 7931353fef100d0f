import { expect, test } from "vitest";
import { fit, oneLine, safe, shellWord, width } from "../../src/render/text.ts";

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
