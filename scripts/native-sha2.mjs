// What packed programs have in place of `@noble/hashes/sha2.js`: Node's own SHA-256, which takes a tenth of the time. Core itself
// knows nothing of Node.
import { createHash } from "node:crypto";

export const sha256 = (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest());
