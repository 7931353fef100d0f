import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BEGIN } from "../../src/audit/chain.ts";
import { type Audit, openAudit } from "../../src/audit/log.ts";
import { openSegments } from "../../src/audit/segments.ts";
import { verifyAudit } from "../../src/audit/verify.ts";
import { ManualClock } from "../owner/world.ts";

let directory: string;
let clock: ManualClock;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "audit-"));
  clock = new ManualClock();
});
afterEach(() => rmSync(directory, { recursive: true }));

const open = (): Audit => openAudit(directory, { clock, onError: () => {} });
const file = (): string => join(directory, readdirSync(directory)[0]!);
const text = (): string => readFileSync(file(), "utf8");

/** A log with entries `1` to `count`. */
async function write(count: number): Promise<void> {
  const audit = open();
  for (let i = 1; i <= count; i++) await audit.add({ type: "done", note: `entry ${i} of grün` }, i % 2 === 0);
  await audit.close();
}

describe("what verify finds", () => {
  test("a log as it was written is intact, also after many starts", async () => {
    await write(3);
    await write(2);
    expect(verifyAudit(directory)).toMatchObject({ entries: 5, sealed: 0, findings: [], head: { seq: 5 } });
  });

  test("any byte that was changed is found, and its line named", async () => {
    await write(4);
    const bytes = readFileSync(file());
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = changed[at]! ^ 1;
      writeFileSync(file(), changed);
      const { findings } = verifyAudit(directory);
      const line = bytes.subarray(0, at).filter((byte) => byte === 10).length + 1;
      expect([at, findings[0]?.line], JSON.stringify(findings)).toEqual([at, line]);
    }
  });

  test("a line that was taken out, put in twice or moved is found", async () => {
    await write(4);
    const [a, b, c, d] = text().split("\n");
    const of = (...lines: (string | undefined)[]): object[] => {
      writeFileSync(file(), `${lines.join("\n")}\n`);
      return [...verifyAudit(directory).findings];
    };
    expect(of(a, c, d)).toMatchObject([
      { status: "tampered", line: 2, message: expect.stringMatching(/entries 2 to 2 are missing/) },
    ]);
    expect(of(a, b, b, c, d)).toMatchObject([{ status: "tampered", line: 3 }]);
    expect(of(a, c, b, d)[0]).toMatchObject({ status: "tampered", line: 2 });
    expect(of(b, c, d)).toMatchObject([
      { status: "incomplete", line: 1, message: expect.stringMatching(/begins with entry 2/) },
    ]);
  });

  test("an entry that was made up anew, with a hash of its own, breaks the chain behind it", async () => {
    await write(3);
    const [a, , c] = text().split("\n");
    const forged = mkdtempSync(join(tmpdir(), "audit-forged-"));
    const other = openAudit(forged, { clock, onError: () => {} });
    await other.add({ type: "done", note: "entry 1 of grün" }, false);
    await other.add({ type: "done", note: "nothing happened" }, false);
    await other.close();
    const b = readFileSync(join(forged, readdirSync(forged)[0]!), "utf8").split("\n")[1];
    rmSync(forged, { recursive: true });
    writeFileSync(file(), `${[a, b, c].join("\n")}\n`);
    expect(verifyAudit(directory).findings).toMatchObject([{ status: "tampered", line: 3 }]);
  });

  test("an end that was cut off shows to whoever noted a later head, and to nobody else", async () => {
    await write(4);
    const { head } = verifyAudit(directory);
    writeFileSync(file(), `${text().split("\n").slice(0, 2).join("\n")}\n`);
    expect(verifyAudit(directory).findings).toEqual([]);
    expect(verifyAudit(directory, head).findings).toMatchObject([
      { status: "tampered", message: expect.stringMatching(/entry 4 with the hash/) },
    ]);
    expect(verifyAudit(directory, BEGIN).findings).toEqual([]);
  });
});

test("a life that has nothing to say writes nothing; else its beginning stands before all that it says", async () => {
  const begin = { type: "started", version: "1" };
  await openAudit(directory, { clock, onError: () => {}, begin }).close();
  expect(text()).toBe("");
  const audit = openAudit(directory, { clock, onError: () => {}, begin });
  await Promise.all([audit.add({ type: "done" }, true), audit.add({ type: "done" }, true)]);
  await audit.close();
  expect(text().match(/"type":"[a-z]+"/g)).toEqual(['"type":"started"', '"type":"done"', '"type":"done"']);
});

describe("after a crash", () => {
  test("an end that was torn anywhere is sealed by the next start, and nothing before it is touched", async () => {
    await write(3);
    const bytes = readFileSync(file());
    const last = bytes.lastIndexOf(10, bytes.length - 2) + 1;
    for (let cut = last; cut <= bytes.length; cut++) {
      writeFileSync(file(), bytes.subarray(0, cut));
      if (cut > last && cut < bytes.length - 1) {
        expect(verifyAudit(directory).findings).toMatchObject([
          { status: "incomplete", line: 3, message: expect.stringMatching(/torn/) },
        ]);
      }
      await write(1);
      const report = verifyAudit(directory);
      const whole = cut === last || cut >= bytes.length - 1;
      expect([cut, report.findings, report.sealed]).toEqual([cut, [], whole ? 0 : 1]);
      expect(readFileSync(file()).subarray(0, cut)).toEqual(bytes.subarray(0, cut));
    }
  });

  test("zeros where a line should be, or a whole file of them, are sealed as well", async () => {
    await write(2);
    appendFileSync(file(), Buffer.alloc(500));
    await write(1);
    expect(verifyAudit(directory)).toMatchObject({ entries: 4, sealed: 1, findings: [] });
    writeFileSync(join(directory, "000000000005.jsonl"), Buffer.alloc(10));
    await write(1);
    expect(verifyAudit(directory)).toMatchObject({ entries: 6, sealed: 2, findings: [] });
  });

  test("a seal covers the bytes that it names, and no others", async () => {
    await write(2);
    appendFileSync(file(), '{"half":');
    await write(1);
    writeFileSync(file(), text().replace('{"half":', '{"fake":'));
    expect(verifyAudit(directory).findings).toMatchObject([{ status: "tampered", line: 3 }]);
  });
});

test("a log that grows goes on in a next file, and is one chain", async () => {
  const audit = open();
  const filling = "x".repeat(1_000_000);
  for (let i = 0; i < 20; i++) await audit.add({ type: "done", filling }, false);
  await audit.close();
  expect(readdirSync(directory).length).toBe(3);
  await write(1);
  expect(verifyAudit(directory)).toMatchObject({ entries: 21, findings: [] });
});

describe("a flood of refusals", () => {
  const denial = { code: "unauthorized", route: "listRuns", who: null, from: "10.0.0.1" };

  test("of one kind is one entry, and then a count, ever more seldom", async () => {
    const audit = open();
    for (let minute = 0; minute < 600; minute++) {
      for (let i = 0; i < 100; i++) await audit.denied(denial);
      await clock.advance(60_000);
    }
    await audit.close();
    const entries = text()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; count?: number });
    // at once, after 1, 2, 4 … 32 minutes and then every hour
    expect(entries.length).toBeLessThan(20);
    expect(entries.filter(({ type }) => type === "denied")).toHaveLength(1);
    expect(entries.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(60_000);
  });

  test("of ever new kinds is bounded as well", async () => {
    const audit = open();
    for (let i = 0; i < 5_000; i++) await audit.denied({ ...denial, from: `10.0.${i >> 8}.${i & 255}` });
    await audit.close();
    expect(verifyAudit(directory)).toMatchObject({ entries: 258, findings: [] });
    expect(text()).toContain(`"count":${5_000 - 257}`);
  });
});

test("while the log cannot be written nothing is carried out; then it goes on, and says that something may be missing", async () => {
  let full = false;
  const audit = openAudit(directory, {
    clock,
    onError: () => {},
    open: (where, at) => {
      const segments = openSegments(where, at);
      return {
        ...segments,
        append: async (entries, synced) => {
          if (!full) return segments.append(entries, synced);
          appendFileSync(file(), '{"at":"half a li');
          throw new Error("ENOSPC");
        },
      };
    },
  });
  await audit.add({ type: "done" }, true);
  await audit.mustWrite();
  full = true;
  await expect(audit.add({ type: "done" }, true)).rejects.toThrow("the audit log cannot be written: ENOSPC");
  await expect(audit.mustWrite()).rejects.toThrow("the audit log cannot be written: ENOSPC");
  full = false;
  await Promise.all([audit.mustWrite(), audit.mustWrite()]);
  await audit.add({ type: "done" }, false);
  await audit.close();
  expect(text().match(/"resumed"/g)).toHaveLength(1);
  expect(text()).toContain('"type":"resumed","unsure":2');
  expect(verifyAudit(directory)).toMatchObject({ sealed: 2, findings: [] });
});
