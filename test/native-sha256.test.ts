import fc from "fast-check";
import { test } from "vitest";
import { sha256Hex } from "orchestrator-core";

const name = new URL("../scripts/native-sha256.mjs", import.meta.url).href;
const native = (await import(name)) as { sha256Hex: (text: string) => string };

test("packed programs hash as core does", () => {
  // lone surrogates too
  const text = fc.string({
    unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    maxLength: 300,
  });
  fc.assert(fc.property(text, (given) => native.sha256Hex(given) === sha256Hex(given)));
});
