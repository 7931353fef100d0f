import { canonicalJson } from "orchestrator-core";
import { expect, test } from "vitest";
import { verifyBundle } from "../../src/verify/bundle.ts";
import { EXEC_ID, RUN_ID } from "../fixtures.ts";
import { bundle, manifest, memoryReader, sha256 } from "./fixtures.ts";

const place = { run_id: RUN_ID, stage_id: "build", exec_id: EXEC_ID };
const verify = (files: Record<string, string | Buffer>) => verifyBundle(memoryReader(files), place);

test("a bundle as it was written is intact, and its manifest's digest is that of its text", async () => {
  const report = await verify(bundle());
  expect(report).toMatchObject({ status: "intact", findings: [], files: 3 });
  expect(report.manifest_sha256).toBe(sha256(bundle()["manifest.json"]!));
});

test("a byte changed in any file of the bundle is found", async () => {
  for (const name of Object.keys(bundle())) {
    const files: Record<string, string | Buffer> = bundle();
    const bytes = Buffer.from(files[name]!);
    bytes[3]! ^= 1;
    files[name] = bytes;
    const report = await verify(files);
    expect(report.status, name).toBe("tampered");
    expect(report.findings[0]?.file, name).toBe(name);
  }
});

test("every single byte of the manifest is guarded, by its own form or by the journal's digest", async () => {
  const intact = bundle();
  const bytes = Buffer.from(intact["manifest.json"]!);
  const digest = sha256(intact["manifest.json"]!);
  for (let at = 0; at < bytes.length; at += 7) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 2;
    const report = await verify({ ...intact, "manifest.json": changed });
    expect(report.status === "tampered" || report.manifest_sha256 !== digest, `byte ${at}`).toBe(true);
  }
});

test("a file that was cut off names the first byte that is missing", async () => {
  const { findings } = await verify({ ...bundle(), "cmd-000.stdout.log": "hello\n" });
  expect(findings).toEqual([
    {
      status: "tampered",
      file: "cmd-000.stdout.log",
      offset: 6,
      message: `ends after 6 of 12 bytes; its SHA-256 should be ${sha256("hello\nworld\n")}`,
    },
  ]);
});

test("a file that grew names the first byte that was added", async () => {
  const { findings } = await verify({ ...bundle(), "cmd-000.stdout.log": "hello\nworld\nand more\n" });
  expect(findings[0]).toMatchObject({ offset: 12, message: "goes on for 9 bytes after its 12, which are unchanged" });
});

test("a file that was changed and grew is not said to begin unchanged", async () => {
  const { findings } = await verify({ ...bundle(), "cmd-000.stdout.log": "jello\nworld\nand more\n" });
  expect(findings[0]).toMatchObject({ offset: null });
  expect(findings[0]?.message).toContain("changed somewhere of its first 12 bytes, and 9 more follow");
});

test("a changed file of the same size is named with both digests", async () => {
  const { findings } = await verify({ ...bundle(), "cmd-000.stdout.log": "hello\nworlt\n" });
  expect(findings[0]?.message).toContain(sha256("hello\nworld\n"));
  expect(findings[0]?.message).toContain(sha256("hello\nworlt\n"));
});

test("a missing file makes the bundle incomplete", async () => {
  const { "cmd-000.stderr.log": _, ...files } = bundle();
  expect(await verify(files)).toMatchObject({ status: "incomplete", findings: [{ file: "cmd-000.stderr.log" }] });
});

test("a missing manifest makes the bundle incomplete", async () => {
  const { "manifest.json": _, ...files } = bundle();
  expect(await verify(files)).toMatchObject({ status: "incomplete", manifest_sha256: null });
});

test("a file that the manifest does not name is tampering", async () => {
  expect(await verify({ ...bundle(), "extra.log": "" })).toMatchObject({
    status: "tampered",
    findings: [{ file: "extra.log", message: "this file is not in the manifest" }],
  });
});

test("a manifest that says the same in other words is not canonical, and the first byte of the difference is named", async () => {
  const text = bundle()["manifest.json"]!.replace('"attempt":1', '"attempt": 1');
  const { findings } = await verify({ ...bundle(), "manifest.json": text });
  expect(findings).toMatchObject([
    { offset: text.indexOf(": 1") + 1, message: "is not in its canonical form (RFC 8785)" },
  ]);
});

test("a key that stands twice in a manifest is not canonical", async () => {
  const text = bundle()["manifest.json"]!.replace('"attempt":1', '"attempt":2,"attempt":1');
  const { findings } = await verify({ ...bundle(), "manifest.json": text });
  expect(findings).toMatchObject([{ status: "tampered", offset: text.indexOf('"attempt":2') + '"attempt":'.length }]);
});

test("a manifest that was cut off says so, with the place", async () => {
  const text = bundle()["manifest.json"]!.slice(0, 500);
  const { findings } = await verify({ ...bundle(), "manifest.json": text });
  expect(findings).toMatchObject([{ offset: 500, message: "ends in the middle: it was cut off" }]);
});

test("a manifest that is not UTF-8 names the byte", async () => {
  const bytes = Buffer.from(bundle()["manifest.json"]!);
  bytes[100] = 0xff;
  expect((await verify({ ...bundle(), "manifest.json": bytes })).findings).toMatchObject([{ offset: 100 }]);
});

test("a manifest with a key that manifests do not have is refused", async () => {
  const text = bundle()["manifest.json"]!.replace(/\}$/, ',"zzz":1}');
  const { findings } = await verify({ ...bundle(), "manifest.json": text });
  expect(findings[0]?.message).toContain("has not the form of a manifest");
});

test("a bundle that lies in the place of another is tampering", async () => {
  const report = await verifyBundle(memoryReader(bundle()), { ...place, stage_id: "test" });
  expect(report).toMatchObject({ status: "tampered", findings: [{ file: "manifest.json" }] });
});

test("a bundle without a known place is judged by itself", async () => {
  expect((await verifyBundle(memoryReader(bundle()))).status).toBe("intact");
});

test("a manifest cannot name a file outside of its bundle", async () => {
  const files = [...manifest().files, { name: "../../tokens/operator", size: 1, sha256: sha256("") }];
  const text = canonicalJson({ ...manifest(), files });
  const { findings } = await verify({ ...bundle(), "manifest.json": text });
  expect(findings).toMatchObject([{ message: 'lists a file named "../../tokens/operator", which no bundle can hold' }]);
});

test("a log that a command wrote and the manifest does not list is tampering", async () => {
  const [stderr] = manifest().files;
  const text = canonicalJson({ ...manifest(), files: [stderr] });
  const { findings } = await verify({ ...bundle(), "manifest.json": text });
  expect(findings.map(({ message }) => message)).toEqual([
    "says that command 0 wrote cmd-000.stdout.log, and does not list that file",
    "this file is not in the manifest",
  ]);
});
