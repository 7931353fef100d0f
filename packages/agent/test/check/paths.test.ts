import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { resolveBeneath } from "../../src/check/workspace.ts";
import { realFiles } from "../../src/real/files.ts";
import { makePlace } from "../fixtures.ts";

function workspaceWith(prepare: (workspace: string) => void): (path: string) => string | null {
  const { workspace } = makePlace();
  prepare(workspace);
  return (path) => {
    const real = resolveBeneath(realFiles, workspace, path);
    return real.ok ? real.value.slice(workspace.length) || "/" : null;
  };
}

test("a path is walked as the kernel walks it, through links that stay within", () => {
  const resolve = workspaceWith((workspace) => {
    mkdirSync(join(workspace, "a", "b"), { recursive: true });
    symlinkSync("a/b", join(workspace, "link"));
    symlinkSync(join(workspace, "a"), join(workspace, "absolute"));
  });
  expect([".", "a", "link", "link/..", "absolute/b", "a/./b//", "a/b/../.."].map(resolve)).toEqual([
    "/",
    "/a",
    "/a/b",
    "/a",
    "/a/b",
    "/a/b",
    "/",
  ]);
});

test("what is not there yet lies where its nearest ancestor does", () => {
  const resolve = workspaceWith((workspace) => {
    mkdirSync(join(workspace, "a"));
    symlinkSync("a", join(workspace, "link"));
  });
  expect(["new/deeper/file", "link/new"].map(resolve)).toEqual(["/new/deeper/file", "/a/new"]);
  expect(resolve("new/../a")).toBeNull();
});

test("no link leads out, whichever way", () => {
  const resolve = workspaceWith((workspace) => {
    mkdirSync(join(workspace, "a"));
    writeFileSync(join(workspace, "file"), "");
    symlinkSync("../..", join(workspace, "up"));
    symlinkSync("/etc/ssl", join(workspace, "etc"));
    symlinkSync("/nowhere", join(workspace, "dangling"));
    symlinkSync("loop", join(workspace, "loop"));
    symlinkSync("first", join(workspace, "second"));
    symlinkSync("/usr", join(workspace, "first"));
  });
  const out = ["up", "up/x", "etc/../x", "dangling", "dangling/x", "loop", "second/bin", "a/../../x", "file/x", "/a"];
  expect(out.map(resolve)).toEqual(out.map(() => null));
});
