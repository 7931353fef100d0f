import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CommitFailed, StoreDamaged, StoreUnusable } from "../../src/store/store.ts";
import { splitText } from "../../src/store/surreal-commit.ts";
import { dropStatements } from "../../src/store/surreal-drop.ts";
import { parseLocation, prepareDirectory } from "../../src/store/surreal-location.ts";
import { connect } from "../../src/store/surreal-open.ts";
import { migrate, migrations } from "../../src/store/surreal-schema.ts";
import { openSurrealStore, takeStore } from "../../src/store/surreal-store.ts";
import { retryConflicts, writeBlock } from "../../src/store/surreal-write.ts";
import { kill, makeProgram } from "./child.ts";
import { commit, digest, fresh, portion, row, runId, submit } from "./fixtures.ts";
import { type Host, makeHost } from "./remote-store.ts";

const start = await makeProgram("store-host");
const children: ChildProcess[] = [];
const host = (): Host => {
  const child = start([]);
  children.push(child);
  return makeHost(child);
};
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "store-open-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
  rmSync(directory, { recursive: true, force: true });
});
const unusable = (text: string): object => ({ name: "StoreUnusable", message: expect.stringContaining(text) });

describe("a store that cannot be opened fails and says what to do", () => {
  test("in use by another process", async () => {
    await host().open(`rocksdb://${directory}/db`);
    await expect(host().open(`rocksdb://${directory}/db`)).rejects.toMatchObject(
      unusable("in use by another process: stop that daemon"),
    );
  });

  test("in use by this process", async () => {
    const one = host();
    await one.open(`rocksdb://${directory}/db`);
    await expect(one.open(`rocksdb://${directory}/db`)).rejects.toMatchObject(unusable("in use"));
  });

  test("a directory that holds something else", async () => {
    writeFileSync(join(directory, "thesis.tex"), "");
    await expect(host().open(`rocksdb://${directory}`)).rejects.toMatchObject(unusable("not empty"));
    expect(readdirSync(directory)).toEqual(["thesis.tex"]);
  });

  test("a store of another engine", async () => {
    await host().open(`surrealkv://${directory}/db`);
    await expect(host().open(`rocksdb://${directory}/db`)).rejects.toMatchObject(
      unusable(`use surrealkv://${directory}/db`),
    );
  });

  test("a file where the directory should be", async () => {
    writeFileSync(join(directory, "db"), "");
    await expect(host().open(`rocksdb://${directory}/db`)).rejects.toMatchObject(unusable("cannot be used"));
  });

  test("a damaged one", async () => {
    prepareDirectory(join(directory, "db"), "rocksdb");
    writeFileSync(join(directory, "db", "CURRENT"), "MANIFEST-000099\n");
    await expect(host().open(`rocksdb://${directory}/db`)).rejects.toMatchObject(unusable("cannot be opened"));
  });

  test.each(["", "db", "rocksdb://", "redis://x", "rocksdb://a?b/db"])("the URL `%s`", async (url) => {
    await expect(openSurrealStore(url)).rejects.toThrow(StoreUnusable);
  });

  test("a server", async () => {
    await expect(openSurrealStore("wss://me:secret@db.example")).rejects.toMatchObject(unusable("not supported yet"));
  });
});

test("a path is taken as it is written, and is nobody else's to read", async () => {
  const path = join(directory, "my project", "50% ü#1", "db");
  const { store } = await host().open(`rocksdb://${path}?sync=every`);
  expect(existsSync(join(path, "CURRENT"))).toBe(true);
  expect(readdirSync(directory)).toEqual(["my project"]);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  expect(store.url).toBe(`rocksdb://${path}`);
});

test("surrealkv keeps what was committed, too", async () => {
  const url = `surrealkv://${directory}/db`;
  const { store } = await host().open(url);
  await store.commit(submit(1));
  await kill(children.pop()!);
  expect(await (await host().open(url)).store.journal(runId(1), 0)).toHaveLength(1);
});

test("each commit reaches the disk unless the URL says otherwise", () => {
  const urlOf = (url: string): string => parseLocation(url).url;
  expect(urlOf("rocksdb:///x")).toBe("rocksdb:///x?sync=every");
  expect(urlOf("rocksdb:///x?sync=never")).toBe("rocksdb:///x?sync=never");
  expect(urlOf("surrealkv:///x?versioned=true")).toBe("surrealkv:///x?versioned=true&sync=every");
});

test("a URL is shown without its parameters", () => {
  expect(parseLocation("rocksdb:///x?sync=every").shown_url).toBe("rocksdb:///x");
});

test("a directory whose marker was only half written is taken", () => {
  const path = join(directory, "db");
  mkdirSync(path);
  writeFileSync(join(path, "orchestrator-store.json.new"), "{");
  prepareDirectory(path, "rocksdb");
  expect(readdirSync(path)).toEqual(["orchestrator-store.json"]);
});

describe("the tables", () => {
  test("of a newer version are refused", async () => {
    const connection = await connect("mem://");
    await takeStore(connection);
    await connection.db.query("UPDATE meta:schema SET version = 99");
    await expect(takeStore(connection)).rejects.toMatchObject(unusable("newer version"));
    await connection.db.close();
  });

  test("go up step by step, and a step that fails leaves the version before it", async () => {
    const { db } = await connect("mem://");
    const version = async () => (await db.query<[number]>("SELECT VALUE version FROM ONLY meta:schema"))[0];
    await migrate(db);
    await migrate(db);
    expect(await version()).toBe(migrations.length);
    const good = "DEFINE TABLE good; CREATE good:one";
    const bad = "DEFINE TABLE bad; CREATE bad:one; THROW 'no such luck'";
    await expect(migrate(db, [...migrations, good, bad])).rejects.toMatchObject(unusable("no such luck"));
    expect(await version()).toBe(migrations.length + 1);
    expect(await db.query("SELECT VALUE id.id() FROM good")).toEqual([["one"]]);
    await expect(db.query("SELECT * FROM bad")).rejects.toThrow("does not exist");
    await db.close();
  });
});

describe("a damaged store", () => {
  test("shows a gap in a journal instead of closing it", async () => {
    const connection = await connect("mem://");
    const store = await takeStore(connection);
    await store.commit(submit(1));
    for (let n = 2; n < 6; n++) await store.commit(commit(n, { rows: [row(runId(1), n)] }));
    await connection.db.query(`DELETE journal:['${runId(1)}', 3]`);
    await expect(store.journal(runId(1), 0)).rejects.toThrow(StoreDamaged);
    await expect(store.journal(runId(1), 3)).resolves.toHaveLength(2);
    await store.close();
  });

  test("does not hand out a workflow that lacks a part", async () => {
    const connection = await connect("mem://");
    const store = await takeStore(connection);
    const text = "x".repeat(1_000_000);
    await store.commit(submit(1, { text }));
    await connection.db.query(`DELETE workflow_part:['${digest(text)}', 2]`);
    await expect(store.workflow(digest(text))).rejects.toThrow(StoreDamaged);
    await store.close();
  });
});

test("what a crash cut off is finished or removed at the next start", async () => {
  const connection = await connect("mem://");
  const store = await takeStore(connection);
  const kept = "k".repeat(1_000_000);
  await store.commit(submit(1, { text: kept }));
  await connection.db.query(
    `CREATE creating:lost; CREATE workflow_part:['lost', 0]; CREATE creating:${digest(kept)};
     CREATE run:${runId(1)} SET projected_seq = 1; CREATE dropping:${runId(1)}; CREATE stage_run:['${runId(1)}', 'a']`,
  );
  const next = await takeStore(connection);
  expect(
    await next.query("SELECT * FROM creating; SELECT * FROM dropping; SELECT * FROM run; SELECT * FROM stage_run"),
  ).toEqual([[], [], [], []]);
  expect(await next.query("RETURN array::distinct(SELECT VALUE id[0] FROM workflow_part)")).toEqual([[digest(kept)]]);
  expect(await next.workflow(digest(kept))).toBe(kept);
  await next.close();
});

test("a drop that was cut off at any of its transactions is finished at the next start", async () => {
  const names = Array.from({ length: 130 }, (_, i) => `s${i}`);
  const stages = Object.fromEntries(names.map((name, i) => [name, names.slice(Math.max(0, i - 2), i)]));
  const transactions = dropStatements(runId(1), names, {});
  expect(transactions.length).toBeGreaterThan(3);
  for (let done = 1; done < transactions.length; done++) {
    const connection = await connect("mem://");
    const store = await takeStore(connection);
    await store.commit(submit(1));
    await store.project(portion(1, { stages: fresh(1, stages), complete: true }));
    for (const statements of transactions.slice(0, done)) await writeBlock(connection.db, statements);
    const next = await takeStore(connection);
    expect(await next.projected(runId(1))).toBeNull();
    expect(await next.query("RETURN [count(SELECT * FROM stage_run), count(SELECT * FROM requires)]")).toEqual([
      [0, 0],
    ]);
    expect(await next.activeRuns()).toEqual([runId(1)]);
    await next.close();
  }
});

test("a write that conflicts is tried again, and no other", async () => {
  const outcomes: CommitFailed["outcome"][] = ["conflict", "conflict", "unknown"];
  const write = async (): Promise<void> => {
    const outcome = outcomes.shift();
    if (outcome !== undefined) throw new CommitFailed(outcome, outcome);
  };
  await expect(retryConflicts(write)).rejects.toMatchObject({ outcome: "unknown" });
  outcomes.push("conflict");
  await expect(retryConflicts(write)).resolves.toBeUndefined();
});

test("closing waits for what is being written", async () => {
  const connection = await connect("mem://");
  const store = await takeStore(connection);
  const written = store.commit(submit(1));
  await store.close();
  await expect(written).resolves.toBeUndefined();
});

test("a text is split at most at the given length, and never within a character", () => {
  for (const text of ["", "a", "abcdef", "🚀🚀🚀", "a🚀b🚀c", "🚀"]) {
    for (const length of [1, 2, 3, 4]) {
      const parts = splitText(text, length);
      expect(parts.join("")).toBe(text);
      if (length === 1) continue;
      for (const part of parts) expect(part).not.toMatch(/\p{Surrogate}/u);
      for (const part of parts) expect(part.length).toBeLessThanOrEqual(length);
    }
  }
});
