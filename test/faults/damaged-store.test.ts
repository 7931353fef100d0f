import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readMark } from "../../packages/daemon/src/mark.ts";
import { mark } from "../cluster.ts";
import { Site } from "./site.ts";

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

const db = (): string => join(site.state, "db");
/** The log that the store was writing. */
const wal = (): string => {
  const logs = readdirSync(db()).filter((name) => /^[0-9]+\.log$/.test(name));
  return join(db(), logs.sort().at(-1)!);
};
const gate = { a: { kind: "gate", message: "Go on?" } };

/** Runs that wait for a person, each acknowledged by a commit of its own; then the daemon is killed. */
async function acknowledge(count: number): Promise<string[]> {
  await site.startDaemon();
  const runs: string[] = [];
  for (let i = 0; i < count; i++) runs.push(await site.submit(gate));
  await site.kill(site.daemon);
  return runs;
}

function flip(path: string, at: number): void {
  const file = openSync(path, "r+");
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  writeSync(file, Buffer.from([byte[0]! ^ 0x40]), 0, 1, at);
  closeSync(file);
}

/** Refused, with both numbers and what to do. */
async function expectBehind(acknowledged: number): Promise<number> {
  const { code, said } = await site.failToStart();
  expect(code).toBe(75);
  expect(said).toContain("error[store-behind]");
  expect(said).toContain(`commit ${acknowledged} was acknowledged`);
  expect(said).toContain("orchestrator restore FILE");
  return Number(/ends at commit (\d+)/.exec(said)?.[1] ?? 0);
}

describe("the store's log is damaged", () => {
  test("a torn tail that nobody was told of is dropped, and everything acknowledged is there", async () => {
    const runs = await acknowledge(5);
    // half a record, as a power cut leaves it
    appendFileSync(wal(), Buffer.alloc(1_000, 0x5a));
    await site.startDaemon();
    for (const run_id of runs) expect((await site.show(run_id)).run.status).toBe("needs_human");
  });

  test("a torn tail that takes acknowledged commits with it is refused at start, until somebody gives up what was lost: the log says what", async () => {
    const runs = await acknowledge(12);
    const { commit } = readMark(site.state)!;
    truncateSync(wal(), Math.floor(statSync(wal()).size / 2));
    const left = await expectBehind(commit);
    expect(left).toBeLessThan(commit);
    expect(await expectBehind(commit), "and again").toBe(left);

    rmSync(join(site.state, "commit.mark"));
    await site.startDaemon();
    const kept = await Promise.all(
      runs.map((run_id) =>
        site.show(run_id).then(
          () => 1,
          () => 0,
        ),
      ),
    );
    expect(kept[0]).toBe(1);
    expect(kept.indexOf(0), "what is left is a beginning").toBe(kept.lastIndexOf(1) + 1);
    await site.submit(gate);
    expect((await site.stopDaemon()).said).toContain(`there is no commit.mark: a new one begins at commit ${left}`);
  });

  test("a flipped byte in its middle, which the engine passes over in silence, is refused; a backup brings everything back", async () => {
    await site.startDaemon();
    const runs = [await site.submit(gate)];
    for (let i = 0; i < 11; i++) runs.push(await site.submit(gate));
    const file = join(site.directory, "backup.ndjson");
    expect(await site.cli("backup", file)).toMatchObject({ code: 0 });
    await site.kill(site.daemon);
    const { commit } = readMark(site.state)!;
    flip(wal(), Math.floor(statSync(wal()).size / 2));
    await expectBehind(commit);

    expect(await site.cli("restore", file)).toMatchObject({
      code: 6,
      said: expect.stringContaining("holds a store already") as string,
    });
    renameSync(db(), `${db()}.old`);
    expect(await site.cli("restore", file)).toMatchObject({ code: 0 });
    await site.startDaemon();
    for (const run_id of runs) expect((await site.show(run_id)).run.status).toBe("needs_human");
  });

  test("a deleted log leaves an empty store, which is refused", async () => {
    await acknowledge(3);
    const { commit } = readMark(site.state)!;
    rmSync(wal());
    const { code, said } = await site.failToStart();
    expect(code).toBe(75);
    expect(said).toMatch(new RegExp(`has no commit, and commit ${commit} was acknowledged|cannot be opened`));
  });

  test("a store that is gone, as on a disk that is not mounted, is refused, and none is made in its place", async () => {
    await acknowledge(3);
    renameSync(db(), `${db()}.elsewhere`);
    const { code, said } = await site.failToStart();
    expect([code, said]).toEqual([75, expect.stringContaining("is not there, and commit")]);
    expect(existsSync(db())).toBe(false);
    renameSync(`${db()}.elsewhere`, db());
    await site.startDaemon();
  });
});

test("a panic in the engine aborts the daemon: started again, it goes on with everything acknowledged", async () => {
  await site.startDaemon();
  site.startAgent(0, ["--slots", "2"]);
  const runs: string[] = [];
  for (let round = 0; round < 2; round++) {
    runs.push(await site.submit({ a: { exec: [mark] }, b: { requires: ["a"], exec: [["sleep", "0.2"]] } }));
    // what native code does when it panics
    site.daemon!.kill("SIGABRT");
    expect(await site.ended).toMatchObject({ signal: "SIGABRT" });
    await site.startDaemon();
  }
  for (const run_id of runs) expect(await site.settled(run_id)).toBe("succeeded");
});
