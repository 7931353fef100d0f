import fc from "fast-check";
import { CborCodec, Duration, RecordId, RecordIdRange, BoundIncluded, Uuid } from "surrealdb";
import { expect, it } from "vitest";
import { makeCodec } from "../../src/store/surreal-codec.ts";

const theirs = new CborCodec({});
const ours = makeCodec({});
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const id = fc.oneof(fc.string(), fc.tuple(fc.string(), fc.nat()));
const leaf = fc.oneof(
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.string({ maxLength: 300 }),
  fc.maxSafeInteger(),
  fc.double().filter((n) => !Number.isInteger(n) || Number.isSafeInteger(n)),
  fc.boolean(),
  fc.constantFrom(null, undefined, -0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, -24, -25, -257),
  fc.date({ noInvalidDate: true, min: new Date(0) }),
  fc.tuple(fc.string(), id).map(([table, key]) => new RecordId(table, key)),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: "small" }, leaf, fc.array(tie("value")), fc.dictionary(fc.string(), tie("value"))),
}));

it("writes every value that we store just as the SDK's own encoder does", () => {
  fc.assert(
    fc.property(value, (any) => {
      expect(hex(ours.encode(any))).toBe(hex(theirs.encode(any)));
    }),
    { numRuns: 1_000 },
  );
});

it("loses nothing where its buffer grows, wherever that falls", () => {
  for (let before = 4_000; before < 4_100; before++) {
    const row = ["x".repeat(before), "a", 70_000, "bcd", new RecordId("job", ["e", 5e12])];
    expect(hex(ours.encode(row))).toBe(hex(theirs.encode(row)));
  }
});

it("leaves special values to the SDK, wherever they lie", () => {
  const special = {
    range: new RecordIdRange("job", new BoundIncluded(1), new BoundIncluded(9)),
    list: [new Duration("1h"), new Uuid("0190b4e6-7c3e-7d3e-8a4e-0123456789ab"), 12n, new Uint8Array([1, 2])],
    map: new Map([["key", 1]]),
  };
  expect(hex(ours.encode(special))).toBe(hex(theirs.encode(special)));
});

it("refuses an integer that no reader would get back, as the SDK does", () => {
  for (const codec of [ours, theirs]) expect(() => codec.encode([1e300])).toThrow("too big");
});

it("reads what it wrote", () => {
  const row = {
    id: new RecordId("job", ["run", "stage", 1]),
    text: "grüße".repeat(4_000),
    at: new Date(1_790_000_000_123),
  };
  const read = ours.decode<{ id: RecordId; text: string; at: { toDate(): Date } }>(ours.encode(row));
  expect(read.id.toString()).toBe(row.id.toString());
  expect(read.text).toBe(row.text);
  expect(read.at.toDate()).toEqual(row.at);
});
