import { expect, test } from "vitest";
import { baseName, pathBeneath } from "../src/path.ts";

test("a path beneath the workspace is made normal", () => {
  expect([".", "", "a", "./a/", "a//b/.", "a/../b", "a/.."].map((path) => pathBeneath(".", path))).toEqual([
    ".",
    ".",
    "a",
    "a",
    "a/b",
    "b",
    ".",
  ]);
  expect(pathBeneath("a/b", "../c")).toBe("a/c");
  expect(pathBeneath(".", "..a/...")).toBe("..a/...");
});

test("a path that leaves the workspace, even to come back, is none", () => {
  for (const path of ["..", "../x", "a/../..", "a/../../w", "/", "/x", "a\0b"])
    expect(pathBeneath(".", path)).toBeNull();
  expect(pathBeneath("a", "../../x")).toBeNull();
});

test("a base name is what stands last, whichever way the slashes lean", () => {
  expect(["sh", "/bin/./sh", "/bin/sh/", "C:\\bin\\sh.exe", "./sh", "/", "a/."].map(baseName)).toEqual([
    "sh",
    "sh",
    "sh",
    "sh.exe",
    "sh",
    "",
    "a",
  ]);
});
