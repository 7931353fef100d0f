import { cpSync, existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runCli } from "../../src/cli.ts";
import { compareWithJournal } from "../../src/verify/journal.ts";
import { type TreeReport, verifyTree } from "../../src/verify/tree.ts";
import { EXEC_ID, fakeIo, RUN_ID, runView, stageView } from "../fixtures.ts";
import { removeTree } from "../../../../test/remove-tree.ts";
import { bundle, scratch, sha256, write } from "./fixtures.ts";

const OTHER_EXEC_ID = "01JD0000000000000000000003";
const made: string[] = [];
afterAll(() => {
  for (const dir of made) removeTree(dir);
});

/** A state directory with one run of one bundle. */
function state(): { dir: string; run: string; bundle: string } {
  const dir = scratch();
  made.push(dir);
  const run = join(dir, "runs", RUN_ID);
  return { dir, run, bundle: write(join(run, "build", EXEC_ID), bundle()) };
}

async function verify(cwd: string, ...words: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const io = fakeIo();
  const code = await runCli(["verify", ...words], { io, env: {}, cwd });
  return { code, ...io.written };
}

test("an intact bundle is said to be intact, and a directory needs no daemon", async () => {
  const { dir, bundle: place } = state();
  const { code, out } = await verify(dir, place);
  expect(code).toBe(0);
  expect(out).toContain("intact      .  3 files");
  expect(out).toContain("not compared with the journal: a directory was given, not a run");
});

test("a run is found by a beginning of its id, beneath the state directory", async () => {
  const { dir } = state();
  const { code, out } = await verify(dir, "01JD", "--offline", "--state", dir);
  expect(code).toBe(0);
  expect(out).toContain(`intact      build/${EXEC_ID}`);
});

test("a changed log ends with exit code 9 and says which byte", async () => {
  const { run, bundle: place } = state();
  writeFileSync(join(place, "cmd-000.stdout.log"), "hello\n");
  const { code, out } = await verify(run, ".");
  expect(code).toBe(9);
  expect(out).toContain("cmd-000.stdout.log, byte 6: ends after 6 of 12 bytes");
});

test("a bundle that was cut off by a crash ends with exit code 8", async () => {
  const { run, bundle: place } = state();
  renameSync(place, `${place}.incomplete`);
  const { code, out } = await verify(run, ".");
  expect(code).toBe(8);
  expect(out).toContain("its writing was cut off");
});

test("a bundle that is still being written ends with exit code 8", async () => {
  const { run } = state();
  write(join(run, "build", `.tmp-${OTHER_EXEC_ID}`), { "cmd-000.stdout.log": "" });
  expect((await verify(run, ".")).code).toBe(8);
});

test("tampering weighs more than incompleteness", async () => {
  const { run, bundle: place } = state();
  cpSync(place, join(run, "build", `${OTHER_EXEC_ID}.incomplete`), { recursive: true });
  writeFileSync(join(place, "extra"), "");
  expect((await verify(run, ".")).code).toBe(9);
});

test("a symbolic link in the place of a file is tampering, even to the same bytes", async () => {
  const { run, bundle: place } = state();
  const log = join(place, "cmd-000.stdout.log");
  renameSync(log, join(run, "..", "moved"));
  symlinkSync(join(run, "..", "moved"), log);
  const { code, out } = await verify(run, ".");
  expect(code).toBe(9);
  expect(out).toContain("cmd-000.stdout.log: is a symlink, not a file");
});

test("a symbolic link in the place of a bundle is tampering", async () => {
  const { run, bundle: place } = state();
  symlinkSync(place, join(run, "build", OTHER_EXEC_ID));
  const { code, out } = await verify(run, ".");
  expect(code).toBe(9);
  expect(out).toContain("this symbolic link is no bundle");
});

test("a bundle copied to the name of another exec is tampering", async () => {
  const { run, bundle: place } = state();
  cpSync(place, join(run, "build", OTHER_EXEC_ID), { recursive: true });
  expect((await verify(run, ".")).code).toBe(9);
});

test("a copy under any other name is verified by itself", async () => {
  const { dir, bundle: place } = state();
  cpSync(place, join(dir, "evidence"), { recursive: true });
  expect((await verify(dir, "evidence")).code).toBe(0);
});

test("a fenced bundle is intact evidence that decided nothing", async () => {
  const { run, bundle: place } = state();
  writeFileSync(`${place}.fenced.json`, "{}");
  const { code, out } = await verify(run, ".");
  expect(code).toBe(0);
  expect(out).toContain("its report was refused");
});

test("--json says the same as data", async () => {
  const { run, bundle: place } = state();
  writeFileSync(join(place, "extra"), "");
  const { code, out } = await verify(run, ".", "--json");
  expect(code).toBe(9);
  expect(JSON.parse(out)).toMatchObject({
    status: "tampered",
    compared_with_journal: false,
    bundles: [{ path: `build/${EXEC_ID}`, status: "tampered", findings: [{ file: "extra", offset: null }] }],
  });
});

test("an unknown run ends with exit code 5, and makes no state directory", async () => {
  const dir = scratch();
  made.push(dir);
  const { code, err } = await verify(dir, "01JX");
  expect(code).toBe(5);
  expect(err).toContain("error[run-unknown]");
  expect(existsSync(join(dir, ".orchestrator"))).toBe(false);
});

async function reportsOf(run: string): Promise<TreeReport[]> {
  const reports: TreeReport[] = [];
  for await (const report of verifyTree(run)) reports.push(report);
  return reports;
}

const recorded = (exec_id: string, manifest_sha256: string | null) =>
  runView([
    stageView("build", {
      execs: [
        {
          exec_id,
          fence: 1,
          attempt: 1,
          agent_id: "local-1",
          granted_at: "",
          outcome: "succeeded",
          reason: null,
          message: "",
          exits: [],
          manifest_sha256,
          duration_ms: 1,
          sandbox: "none",
          bundle: "",
        },
      ],
    }),
  ]);

test("a bundle that was replaced whole is found by the journal's digest", async () => {
  const { run, bundle: place } = state();
  write(place, bundle({ message: "all is well" }));
  const reports = await reportsOf(run);
  expect(reports[0]?.status).toBe("intact");
  const [compared] = compareWithJournal(reports, recorded(EXEC_ID, sha256(bundle()["manifest.json"]!)));
  expect(compared?.status).toBe("tampered");
});

test("a bundle that the journal recorded and that is gone is incomplete", async () => {
  const { run } = state();
  mkdirSync(run, { recursive: true });
  const reports = compareWithJournal(await reportsOf(run), recorded(OTHER_EXEC_ID, sha256("")));
  expect(reports.map(({ path, status }) => [path, status])).toEqual([
    [`build/${EXEC_ID}`, "tampered"],
    [`build/${OTHER_EXEC_ID}`, "incomplete"],
  ]);
});

test("a bundle that was published and not yet reported agrees with the journal", async () => {
  const { run } = state();
  expect(compareWithJournal(await reportsOf(run), recorded(EXEC_ID, null))[0]?.status).toBe("intact");
});
