import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatDuration, parseDuration } from "../src/duration.ts";

describe("a duration", () => {
  test.each([
    ["500ms", 500],
    ["2s", 2_000],
    ["10m", 600_000],
    ["1h30m", 5_400_000],
    ["366d", 366 * 86_400_000],
    ["0s", 0],
  ])("%s is %i ms", (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(["", "10", "1.5h", "-1s", "1 h", "h", "10M", "367d", "1s\n", "9999999999s"])("%j is none", (text) =>
    expect(parseDuration(text)).toBeNull(),
  );

  test("is the sum of its parts", () => {
    const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
    const part = fc.tuple(
      fc.integer({ min: 0, max: 99 }),
      fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[])),
    );
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 3 }), (parts) => {
        const sum = parts.reduce((ms, [count, unit]) => ms + count * units[unit], 0);
        expect(parseDuration(parts.map(([count, unit]) => `${count}${unit}`).join(""))).toBe(sum);
      }),
    );
  });

  test("of any text is a number of milliseconds or null", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("0", "9", "s", "m", "h", "d", " ", "-") }), (text) => {
        const ms = parseDuration(text);
        expect(ms === null || (Number.isInteger(ms) && ms >= 0)).toBe(true);
      }),
    );
  });

  test("is short for people", () => {
    expect([400, 12_000, 185_000, 7_800_000].map(formatDuration)).toEqual(["0.4s", "12s", "3m 05s", "2h 10m"]);
  });
});
