import { expect, test } from "vitest";
import { baseName, pathBeneath, refusePath } from "../src/path.ts";

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

test("a path field is refused by its letters: where it leaves, is no path, or names what is not for commands", () => {
  const refused = {
    "": "is empty",
    "a\0b": "holds a NUL",
    "/": "is an absolute path",
    "~": "begins with `~`",
    "~root/x": "begins with `~`",
    "a/../../b": "leaves the workspace",
    [`${"a".repeat(256)}`]: "is longer than any path may be",
    [`${"a/".repeat(2_100)}a`]: "is longer than any path may be",
    ["nai\u0308ve"]: "spells its letters in parts",
    ".git/hooks": "lies in `.git`",
    "a/../.ORCHESTRATOR/runs": "lies in `.ORCHESTRATOR`",
  };
  for (const [path, why] of Object.entries(refused)) expect(refusePath(path)?.why).toContain(why);
});

test("any other name is a name like others", () => {
  for (const path of [
    ".",
    "a b",
    "a\nb",
    "na\u00efve",
    "./~",
    "a/~",
    ".github",
    ".gitignore",
    "a/.git",
    "..a",
    "a/../b",
  ]) {
    expect([path, refusePath(path)]).toEqual([path, null]);
  }
});
