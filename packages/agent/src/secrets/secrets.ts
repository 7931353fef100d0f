import { join } from "node:path";
import { err, ok, type Result, SECRET_NAME_PATTERN } from "orchestrator-core";
import type { Refused } from "../check/grant.ts";
import type { Files } from "../ports.ts";
import { SECRET_BYTES_MAX, SECRET_BYTES_MIN } from "./redact.ts";

/** The secrets of one command, read just before it starts. */
export interface Secrets {
  /** Values by variable. */
  readonly env: Readonly<Record<string, string>>;
  readonly values: readonly Uint8Array[];
}

const NAME = new RegExp(SECRET_NAME_PATTERN);

/** `wanted`: names of secrets by variable. Each is a file of its name in `directory`, and its value all that is in it. */
export function readSecrets(
  files: Files,
  directory: string,
  wanted: Readonly<Record<string, string>>,
): Result<Secrets, Refused> {
  const env: Record<string, string> = {};
  const values: Uint8Array[] = [];
  for (const [variable, name] of Object.entries(wanted)) {
    if (!NAME.test(name)) return refused(`${JSON.stringify(name)} is no name of a secret`);
    const bytes = files.readBytes(join(directory, name));
    const set = `\`orchestrator secret set ${name}\` sets it`;
    if (bytes === null) return refused(`this machine has no secret \`${name}\`; ${set}`);
    const flaw = flawOfSecret(bytes);
    if (flaw !== null) return refused(`the secret \`${name}\` ${flaw}; ${set} anew`);
    env[variable] = new TextDecoder().decode(bytes);
    values.push(bytes);
  }
  return ok({ env, values });
}

/** Why a value can be no secret; null where it can. */
export function flawOfSecret(bytes: Uint8Array): string | null {
  if (bytes.length < SECRET_BYTES_MIN) {
    return `has ${bytes.length} bytes, and so few cannot be masked in what commands print: it takes at least ${SECRET_BYTES_MIN}`;
  }
  if (bytes.length > SECRET_BYTES_MAX) return `has ${bytes.length} bytes; at most ${SECRET_BYTES_MAX} are taken`;
  if (bytes.includes(0)) return "holds a NUL, which no variable can";
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return null;
  } catch {
    return "is not text in UTF-8, and a variable is text";
  }
}

const refused = (message: string): Result<never, Refused> => err({ reason: "denied", message });
