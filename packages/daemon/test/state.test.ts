import { mkdtempSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { prepareState } from "../src/state.ts";

const fresh = (): string => mkdtempSync(join(tmpdir(), "state-"));

test("a state directory is made with all that is above it, for its owner alone, and again without a word", () => {
  const state = join(fresh(), "a", "b");
  prepareState(state);
  prepareState(state);
  expect(statSync(state).mode & 0o777).toBe(0o700);
  expect(readdirSync(state)).toEqual([".gitignore", "agents", "runs", "tokens"]);
});

test("a place that takes no directories, and a file in its way, are errors, and no endless search", () => {
  expect(() => prepareState("/proc/state/deeper")).toThrow(/ENOENT/);
  const file = join(fresh(), "file");
  writeFileSync(file, "");
  expect(() => prepareState(file)).toThrow(/EEXIST/);
});
