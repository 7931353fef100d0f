import { existsSync, mkdirSync, statSync } from "node:fs";
import { expect, test } from "vitest";
import { bundlePaths, markFenced } from "../src/bundle/writer.ts";
import { type Files, realClock, realFiles } from "../src/index.ts";
import { makePlace } from "./fixtures.ts";
import { grantOf } from "./scripted-daemon.ts";

/** As an ordinary user meets it: what is read-only is not written to. Root would. */
const asOrdinaryUser: Files = {
  ...realFiles,
  writeText(path, text, mode) {
    if (existsSync(path) && (statSync(path).mode & 0o200) === 0) {
      throw Object.assign(new Error(`EACCES: ${path}`), { code: "EACCES" });
    }
    realFiles.writeText(path, text, mode);
  },
};

test("the mark of a refused report is made anew where a crash left one behind, also by an ordinary user", () => {
  const { state, workspace } = makePlace();
  const grant = grantOf({}, workspace, 30_000);
  const paths = bundlePaths(state, grant);
  mkdirSync(paths.published, { recursive: true });
  const world = { clock: realClock, files: asOrdinaryUser };
  for (const message of ["first", "second"]) markFenced(world, paths, grant.exec_id, "fence-stale", message);
  expect(realFiles.readText(paths.fenced)).toContain('"message":"second"');
});
