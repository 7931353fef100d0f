import { expect, test } from "vitest";
import { LineCutter } from "../../src/logs/lines.ts";

const cut = (bytes: Buffer, portion: number): string[] => {
  const cutter = new LineCutter();
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += portion) lines.push(...cutter.push(bytes.subarray(at, at + portion)));
  return [...lines, ...cutter.end()];
};

test("lines come out whole, also where a portion ends within a character", () => {
  const bytes = Buffer.from("grün\r\n日本\n\nlast");
  for (const portion of [1, 2, 3, 5, 100]) expect(cut(bytes, portion)).toEqual(["grün", "日本", "", "last"]);
});

test("nothing comes after a line end", () => {
  expect(cut(Buffer.from("a\n"), 10)).toEqual(["a"]);
  expect(cut(Buffer.alloc(0), 10)).toEqual([]);
});
