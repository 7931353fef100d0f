import fc from "fast-check";
import { expect, test } from "vitest";
import { rfc3339 } from "../src/ports.ts";

test("a time is written as Date writes it, whatever was written before", () => {
  const ms = fc.oneof(
    fc.integer({ min: -5_000, max: 5_000 }),
    fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }),
  );
  fc.assert(fc.property(ms, (wall_ms) => rfc3339(wall_ms) === new Date(wall_ms).toISOString()));
  expect(() => rfc3339(Number.NaN)).toThrow(RangeError);
});
