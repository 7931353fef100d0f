import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { version } from "../src/version.ts";

const packages = join(import.meta.dirname, "..", "..");

test.each(["core", "agent", "daemon", "cli"])("the version is the one of package %s", (name) => {
  const text = readFileSync(join(packages, name, "package.json"), "utf8");
  expect(version).toBe((JSON.parse(text) as { version: string }).version);
});
