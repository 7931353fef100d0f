import { sha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { test } from "vitest";

const name = new URL("../scripts/native-sha2.mjs", import.meta.url).href;
const native = (await import(name)) as { sha256: (bytes: Uint8Array) => Uint8Array };

test("packed programs hash as core does", () => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  fc.assert(fc.property(bytes, (given) => Buffer.from(native.sha256(given)).equals(sha256(given))));
});
