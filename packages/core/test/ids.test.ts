import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isStageId, isUlid, makeUlid } from "../src/ids.ts";

const WALL_MAX = 2 ** 48 - 1;
const bytes = fc.uint8Array({ minLength: 10, maxLength: 10 });
const wall = fc.integer({ min: 0, max: WALL_MAX });

describe("a ULID", () => {
  test("is the one that the specification shows for its time", () => {
    expect(makeUlid(1_469_918_176_385, new Uint8Array(10)).slice(0, 10)).toBe("01ARYZ6S41");
  });

  test("goes from all zeros to the greatest that the specification allows", () => {
    expect(makeUlid(0, new Uint8Array(10))).toBe("0".repeat(26));
    expect(makeUlid(WALL_MAX, new Uint8Array(10).fill(255))).toBe(`7${"Z".repeat(25)}`);
  });

  test("sorts by time, then by its random bytes", () => {
    fc.assert(
      fc.property(wall, wall, bytes, bytes, (t1, t2, r1, r2) => {
        const [a, b] = [makeUlid(t1, r1), makeUlid(t2, r2)];
        expect(isUlid(a)).toBe(true);
        expect(Math.sign(a < b ? -1 : a > b ? 1 : 0)).toBe(Math.sign(t1 - t2) || order(r1, r2));
      }),
    );
  });
});

const order = (a: Uint8Array, b: Uint8Array): number => {
  for (const [i, byte] of a.entries()) if (byte !== b[i]) return byte < b[i]! ? -1 : 1;
  return 0;
};

test("a stage id is a letter and up to 63 letters, digits, _ and -", () => {
  expect(["a", "ship-it", "A_1", "x".repeat(64)].filter((id) => !isStageId(id))).toEqual([]);
  expect(["", "1a", "-a", "stage.1", "a b", "ä", "x".repeat(65), "a\n", "__proto__"].filter(isStageId)).toEqual([]);
});
