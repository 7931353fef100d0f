// What packed programs have in place of core's `sha256.ts`: Node's own SHA-256, which takes a tenth of the time. Core itself
// knows nothing of Node.
import { hash } from "node:crypto";

export const sha256Hex = (text) => hash("sha256", text, "hex");
