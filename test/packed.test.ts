import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cliBin } from "./cluster.ts";
import { removeTree } from "./remove-tree.ts";

// What programs start from: scripts/pack.mjs and scripts/packed-start.cjs.

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "packed-"));
  writeFileSync(join(directory, "one.yaml"), "name: one\nstages:\n  a: { exec: [['true']] }\n");
  // says at the end which packed files were loaded, and whether V8 refused their code
  writeFileSync(
    join(directory, "look.cjs"),
    `process.on("exit", () => {
      const start = Object.values(require.cache).find(({ filename }) => filename.endsWith("/packed/start.cjs"));
      const files = [...start.exports.compiled].map(([file, { cachedDataRejected }]) => [file, cachedDataRejected ?? null]);
      process.stderr.write(JSON.stringify(files));
    });`,
  );
});
afterAll(() => removeTree(directory));

/** Runs the command, with flags of V8. Each packed file that it loaded, and whether V8 refused its code; null: it had none. */
function loadedBy(words: readonly string[], flags: readonly string[] = []) {
  const program = [...flags, "--require", join(directory, "look.cjs"), cliBin, ...words];
  const end = spawnSync(process.execPath, program, { cwd: directory, encoding: "utf8" });
  expect(end.status, end.stderr).toBe(0);
  return JSON.parse(end.stderr.slice(end.stderr.lastIndexOf("[["))) as [string, boolean | null][];
}

test("a run compiles nothing of what was packed: V8 takes the code that was kept", () => {
  const loaded = loadedBy(["run", "one.yaml", "--sandbox", "none"]);
  expect(
    loaded.map(([file]) => file).filter((file) => /packages\/(core|cli|daemon)\/dist/.test(file)).length,
  ).toBeGreaterThan(5);
  expect(loaded.filter(([, refused]) => refused !== false)).toEqual([]);
});

test("under other flags, as with another Node.js, V8 refuses the code, and the program works all the same", () => {
  const loaded = loadedBy(["validate", "one.yaml"], ["--no-lazy-feedback-allocation"]);
  expect(loaded.filter(([, refused]) => refused === true).length).toBeGreaterThan(1);
  expect(loaded.filter(([, refused]) => refused === false)).toEqual([]);
});
