import { assert } from "./result.ts";

/**
 * ULIDs (https://github.com/ulid/spec): 48 bits of wall-clock milliseconds and 80 bits of randomness in 26
 * characters of Crockford's base 32. They sort by time. Time and randomness are arguments, so a seed decides them.
 */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
export const ULID_PATTERN = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$";
const ULID = new RegExp(ULID_PATTERN);

/** `random` holds 10 bytes. */
export function makeUlid(wall_ms: number, random: Uint8Array): string {
  assert(random.length === 10, "a ULID takes 10 random bytes");
  let out = "";
  let time = wall_ms;
  for (let i = 0; i < 10; i++) {
    out = ALPHABET[time % 32]! + out;
    time = Math.floor(time / 32);
  }
  let bits = 0;
  let held = 0;
  for (const byte of random) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += ALPHABET[(held >> bits) & 31]!;
    }
    held &= (1 << bits) - 1;
  }
  return out;
}

export const isUlid = (text: string): boolean => ULID.test(text);

/** What a person may name a stage. The dot is reserved for generated stages (`stage.N`). */
export const STAGE_ID_PATTERN = "^[A-Za-z][A-Za-z0-9_-]{0,63}$";
const STAGE_ID = new RegExp(STAGE_ID_PATTERN);
export const isStageId = (text: string): boolean => STAGE_ID.test(text);

export const AGENT_ID_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$";

/** One job per try of the retry budget; at most one of a stage_run is open. */
export const jobId = (run_id: string, stage_id: string, attempt: number): string => `${run_id}/${stage_id}/${attempt}`;
