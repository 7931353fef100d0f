import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Recorded } from "orchestrator-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkBackup } from "../../packages/daemon/src/backup-read.ts";
import { layered, until } from "../cluster.ts";
import { bin, Site } from "./site.ts";

let site: Site;
let file: string;
beforeEach(() => {
  site = new Site();
  file = join(site.directory, "backup.ndjson");
});
afterEach(() => site.close());

const lines = (): { kind: string; [key: string]: unknown }[] =>
  readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { kind: string });

/** The journal of each run in the backup. */
function journals(): Map<string, Recorded[]> {
  const found = new Map<string, Recorded[]>();
  for (const line of lines()) {
    if (line.kind === "run") found.set(line.run_id as string, []);
    if (line.kind === "journal") {
      found.get(line.run_id as string)!.push(...(JSON.parse(line.events as string) as Recorded[]));
    }
  }
  return found;
}

/** The store is lost with all that stands beside it. */
async function loseTheStore(): Promise<void> {
  await site.kill(site.daemon);
  rmSync(join(site.state, "db"), { recursive: true });
  rmSync(join(site.state, "commit.mark"));
}

test("a backup of a busy daemon is one moment of it; restored, every run of that moment is there and goes on to its end", async () => {
  await site.startDaemon(["--lease-ms", "1000"]);
  site.startAgent(0, ["--slots", "2"]);
  const submit = (key: string): Promise<{ run_id: string }> =>
    site.call(
      "POST",
      "/v1/runs",
      { workflow: layered(3, 4, 2, ["true"]), workspace: site.workspace },
      { "idempotency-key": key },
    );
  const before = [(await submit("first")).run_id, (await submit("second")).run_id];
  const backup = site.cli("backup", file);
  // it goes on meanwhile
  const meanwhile: string[] = [];
  const done = backup.then(() => true);
  while (!(await Promise.race([done, new Promise<false>((resolve) => setTimeout(resolve, 100, false))]))) {
    if (meanwhile.length < 4) meanwhile.push((await submit(`more ${meanwhile.length}`)).run_id);
  }
  const { code, said } = await backup;
  expect(code).toBe(0);
  expect(said).toMatch(/backup\.ndjson: \d+ runs, \d+ events, up to commit \d+\n/);
  expect(said).toContain("bundles are not in it");
  expect(statSync(file).mode & 0o777, "only its owner reads it").toBe(0o600);
  for (const run_id of [...before, ...meanwhile]) expect(await site.settled(run_id)).toBe("succeeded");
  const saved = journals();
  for (const run_id of before) expect(saved.has(run_id)).toBe(true);
  for (const [run_id, events] of saved) {
    expect(events, "a beginning of what became of it").toEqual((await site.events(run_id)).slice(0, events.length));
  }
  await site.kill(site.agents[0]!);
  await loseTheStore();

  expect(await site.cli("restore", file)).toMatchObject({ code: 0 });
  await site.startDaemon(["--lease-ms", "1000"]);
  site.startAgent(0, ["--slots", "2"]);
  expect((await submit("first")).run_id, "its key is known").toBe(before[0]);
  for (const [run_id, events] of saved) {
    expect(await site.settled(run_id)).toBe("succeeded");
    expect((await site.events(run_id)).slice(0, events.length)).toEqual(events);
  }
  const { run_id } = await submit("after");
  expect(await site.settled(run_id)).toBe("succeeded");
  const { runs } = await site.call<{ runs: { run_number: number }[] }>("GET", "/v1/runs");
  expect(runs[0]!.run_number, "run numbers go on").toBe(saved.size + 1);
});

test("a backup is made without a daemon too, and never over a file that is there", async () => {
  await site.startDaemon();
  const run_id = await site.submit({ a: { kind: "gate", message: "Go on?" } });
  await site.stopDaemon();
  expect(await site.cli("backup", file)).toMatchObject({ code: 0 });
  expect([...journals().keys()]).toEqual([run_id]);
  const bytes = readFileSync(file);
  const again = await site.cli("backup", file);
  expect([again.code, again.said]).toEqual([6, expect.stringContaining("a backup overwrites nothing")]);
  expect(readFileSync(file)).toEqual(bytes);
});

/** A whole backup that nobody made: many runs, none of which can be read, which is no business of a restore. */
function writeBackup(runs: number): void {
  const id = (number: number): string => `01JD8Z3Q0V5M7X9C2B4N${String(number).padStart(6, "0")}`;
  const header = {
    kind: "header",
    schema: "orchestrator.backup/1",
    store: "0".repeat(32),
    commit: runs,
    run_number: runs,
  };
  const text = [
    { ...header, made_at: "2026-11-22T12:00:00.000Z", made_by: "0.1.0" },
    ...Array.from({ length: runs }, (_, i) => [
      { kind: "run", run_number: i + 1, run_id: id(i) },
      { kind: "journal", run_id: id(i), first_seq: 1, last_seq: 1, events: "x".repeat(1_000) },
    ]).flat(),
  ]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join("");
  const counts = { workflow: 0, run: runs, journal: runs, events: runs, request: 0 };
  const sha256 = createHash("sha256").update(text).digest("hex");
  writeFileSync(file, `${text}${JSON.stringify({ kind: "end", counts, sha256 })}\n`);
}

test("a restore that was cut off is never taken for a shorter history: the daemon refuses to start on it", async () => {
  writeBackup(20_000);
  const words = [bin("cli", "orchestrator"), "restore", file, "--state", site.state];
  const child = spawn(process.execPath, words, { stdio: "ignore" });
  const ended = once(child, "exit");
  await until("it has begun", async () => (existsSync(join(site.state, "commit.mark")) ? true : undefined));
  child.kill("SIGKILL");
  expect(await ended).toEqual([null, "SIGKILL"]);
  const { code, said } = await site.failToStart();
  expect([code, said]).toEqual([75, expect.stringContaining("has no commit, and commit 20000 was acknowledged")]);
  expect(said).toContain("a restore was cut off");
});

describe("a damaged backup is never taken for whole", () => {
  const damages: readonly (readonly [string, (bytes: Buffer) => Buffer, RegExp])[] = [
    ["cut off within a line", (bytes) => bytes.subarray(0, bytes.length - 100), /is cut off/],
    [
      "cut off after a line",
      (bytes) => bytes.subarray(0, bytes.indexOf("\n", 2_000) + 1),
      /is cut off after this line/,
    ],
    ["with one character changed", (bytes) => changed(bytes, "xxx", "xyx"), /it was changed/],
    ["without one line", (bytes) => withoutLine(bytes, 3), /has not the number of lines|out of its place/],
    ["with something after its end", (bytes) => Buffer.concat([bytes, Buffer.from("{}\n")]), /comes after the end/],
    [
      "of another format",
      () => Buffer.from('{"kind":"header","schema":"orchestrator.backup/9"}\n'),
      /no backup that this/,
    ],
    ["that is empty", () => Buffer.alloc(0), /is empty/],
    ["that is another file", () => Buffer.from("PK\u0003\u0004 not this\n"), /is not JSON/],
  ];
  test.each(damages)("%s", async (_, damage, message) => {
    writeBackup(20);
    writeFileSync(file, damage(readFileSync(file)));
    await expect(checkBackup(file)).rejects.toMatchObject({
      problems: [{ code: "backup-invalid", message: expect.stringMatching(message) as string }],
    });
  });

  test("and restores nothing", async () => {
    writeBackup(20);
    writeFileSync(file, changed(readFileSync(file), "xxx", "xyx"));
    const { code, said } = await site.cli("restore", file);
    expect([code, said]).toEqual([3, expect.stringContaining("error[backup-invalid]")]);
    expect(existsSync(site.state)).toBe(false);
  });

  function changed(bytes: Buffer, from: string, to: string): Buffer {
    const at = bytes.indexOf(from);
    return Buffer.concat([bytes.subarray(0, at), Buffer.from(to), bytes.subarray(at + from.length)]);
  }
  function withoutLine(bytes: Buffer, number: number): Buffer {
    const all = bytes.toString().split("\n");
    return Buffer.from(all.filter((_, i) => i !== number).join("\n"));
  }
});

test("restore says what stands in its way: a store that is there, a daemon that is up, a file that is not there", async () => {
  writeBackup(1);
  await site.startDaemon();
  const up = await site.cli("restore", file);
  expect([up.code, up.said]).toEqual([6, expect.stringContaining(`process ${site.daemon!.pid} owns`)]);
  await site.stopDaemon();
  const there = await site.cli("restore", file);
  expect([there.code, there.said]).toEqual([6, expect.stringContaining("error[state-not-empty]")]);
  expect(there.said).toContain("move it aside first");
  expect(await site.cli("restore", `${file}.not`)).toMatchObject({ code: 5 });
});
