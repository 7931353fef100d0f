import { readFileSync } from "node:fs";

/** Of this package, which is the version of all of them. */
export const version: string = (
  JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }
).version;
