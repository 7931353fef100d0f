import { readFileSync } from "node:fs";
import { join } from "node:path";

const directory = join(import.meta.dirname, "../../../../test/tls");
/** Of the tests' own authority, for `build.example`, `localhost` and `10.77.0.10`. */
export const CERTIFICATE_FILE = join(directory, "daemon.pem");
export const KEY_FILE = join(directory, "daemon.key");
export const CERTIFICATE = readFileSync(CERTIFICATE_FILE, "utf8");
