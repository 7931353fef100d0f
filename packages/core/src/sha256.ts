import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** Of a text's UTF-8: 64 lower-case hex digits. Packed programs have Node's own in its place: `scripts/native-sha256.mjs`. */
export const sha256Hex = (text: string): string => bytesToHex(sha256(utf8ToBytes(text)));
