import { createHash } from "node:crypto";
import {
  canonicalJson,
  FILE_NAME_PATTERN,
  jobId,
  MANIFEST_NAME,
  type Manifest,
  ManifestSchema,
} from "orchestrator-core";
import { Compile } from "typebox/schema";
import { firstDifference, jsonErrorOffset } from "./json-offset.ts";
import type { BundleEntry, BundleReader } from "./reader.ts";

const manifestForm = Compile(ManifestSchema);

/**
 * Checks a bundle by what it says of itself: its manifest has the one form that its digest stands for, and names
 * every file with size and SHA-256. Nothing is executed, no link is followed, and a bundle is never changed.
 */
export interface BundleReport {
  /** `incomplete`: something is not there (yet). `tampered`: something is other than the manifest says. */
  readonly status: "intact" | "incomplete" | "tampered";
  /** SHA-256 of manifest.json as it lies there; null where it cannot be read. */
  readonly manifest_sha256: string | null;
  /** Null where the manifest has not its form. */
  readonly manifest: Manifest | null;
  readonly files: number;
  /** Bytes, the manifest's own among them. */
  readonly size: number;
  readonly findings: readonly BundleFinding[];
}

export interface BundleFinding {
  readonly status: "incomplete" | "tampered";
  /** The file, or null for the bundle as a whole. */
  readonly file: string | null;
  /** The first byte that is known to be wrong, where one is. */
  readonly offset: number | null;
  readonly message: string;
}

/** What is known of a bundle from the place that it lies at. */
export interface BundlePlace {
  readonly run_id?: string;
  readonly stage_id?: string;
  readonly exec_id?: string;
}

const FILE_NAME = new RegExp(FILE_NAME_PATTERN);
/** A manifest beyond this is none of ours, and is not read. */
const MANIFEST_BYTES_MAX = 64 * 1024 * 1024;

export async function verifyBundle(reader: BundleReader, place: BundlePlace = {}): Promise<BundleReport> {
  const findings: BundleFinding[] = [];
  const entries = new Map((await reader.entries()).map((entry) => [entry.name, entry]));
  const read = await readManifest(reader, entries.get(MANIFEST_NAME), findings);
  const { manifest } = read;
  if (manifest !== null) {
    findings.push(...agreement(manifest, place));
    for (const file of manifest.files) findings.push(...(await checkFile(reader, file, entries.get(file.name))));
    const named = new Set([MANIFEST_NAME, ...manifest.files.map(({ name }) => name)]);
    for (const { name, kind } of entries.values()) {
      if (!named.has(name)) findings.push(tampered(name, `this ${kind} is not in the manifest`));
    }
  }
  return {
    ...read,
    status: worst(findings),
    files: entries.size,
    size: [...entries.values()].reduce((sum, { size }) => sum + size, 0),
    findings,
  };
}

export const worst = (findings: readonly Pick<BundleFinding, "status">[]): BundleReport["status"] =>
  findings.some(({ status }) => status === "tampered") ? "tampered" : findings.length > 0 ? "incomplete" : "intact";

const tampered = (file: string | null, message: string, offset: number | null = null): BundleFinding => ({
  status: "tampered",
  file,
  offset,
  message,
});
const incomplete = (file: string | null, message: string): BundleFinding => ({
  status: "incomplete",
  file,
  offset: null,
  message,
});

async function readManifest(
  reader: BundleReader,
  entry: BundleEntry | undefined,
  findings: BundleFinding[],
): Promise<Pick<BundleReport, "manifest" | "manifest_sha256">> {
  const none = { manifest: null, manifest_sha256: null };
  const fail = (finding: BundleFinding): typeof none => {
    findings.push(finding);
    return none;
  };
  if (entry === undefined)
    return fail(incomplete(MANIFEST_NAME, "is missing: nothing says what this bundle should hold"));
  if (entry.kind !== "file") return fail(tampered(MANIFEST_NAME, `is a ${entry.kind}, not a file`));
  if (entry.size > MANIFEST_BYTES_MAX) return fail(tampered(MANIFEST_NAME, `has ${entry.size} bytes, far too many`));
  let bytes: Buffer;
  try {
    const portions: Uint8Array[] = [];
    for await (const portion of reader.read(MANIFEST_NAME)) portions.push(portion);
    bytes = Buffer.concat(portions);
  } catch (error) {
    return fail(incomplete(MANIFEST_NAME, `cannot be read: ${reasonOf(error)}`));
  }
  const manifest_sha256 = createHash("sha256").update(bytes).digest("hex");
  const value = parseCanonical(bytes);
  if (!value.ok) {
    findings.push(value.finding);
    return { manifest: null, manifest_sha256 };
  }
  if (!manifestForm.Check(value.value)) {
    const [, [first]] = manifestForm.Errors(value.value);
    findings.push(
      tampered(
        MANIFEST_NAME,
        `has not the form of a manifest: ${first?.instancePath || "/"} ${first?.message ?? "is wrong"}`,
      ),
    );
    return { manifest: null, manifest_sha256 };
  }
  return { manifest: value.value as Manifest, manifest_sha256 };
}

/** The manifest's bytes are one text only: the canonical form (RFC 8785) of what they say. */
function parseCanonical(
  bytes: Buffer,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly finding: BundleFinding } {
  const bad = (message: string, offset: number | null): { ok: false; finding: BundleFinding } => ({
    ok: false,
    finding: tampered(MANIFEST_NAME, message, offset),
  });
  const text = bytes.toString("utf8");
  const not_utf8 = firstDifference(bytes, Buffer.from(text));
  if (not_utf8 !== null) return bad("is not UTF-8", not_utf8);
  let canonical: Buffer;
  let value: unknown;
  try {
    value = JSON.parse(text);
    canonical = Buffer.from(canonicalJson(value));
  } catch (error) {
    const chars = jsonErrorOffset(text);
    if (chars === null) return bad(`has no canonical form: ${reasonOf(error)}`, null);
    const offset = Buffer.byteLength(text.slice(0, chars));
    return bad(chars === text.length ? "ends in the middle: it was cut off" : "is not JSON", offset);
  }
  const offset = firstDifference(bytes, canonical);
  if (offset !== null) return bad("is not in its canonical form (RFC 8785)", offset);
  return { ok: true, value };
}

/** What the manifest says of itself and of its place agrees. */
function* agreement(manifest: Manifest, place: BundlePlace): Generator<BundleFinding> {
  for (const key of ["run_id", "stage_id", "exec_id"] as const) {
    const expected = place[key];
    if (expected !== undefined && manifest[key] !== expected) {
      yield tampered(MANIFEST_NAME, `says ${key} ${manifest[key]}, and lies where the bundle of ${expected} belongs`);
    }
  }
  const { run_id, stage_id, attempt, job_id } = manifest;
  if (job_id !== jobId(run_id, stage_id, attempt)) {
    yield tampered(MANIFEST_NAME, `says job_id ${job_id}, which is not that of its run, stage and attempt`);
  }
  const names = manifest.files.map(({ name }) => name);
  const listed = new Set(names);
  if (listed.size !== names.length) yield tampered(MANIFEST_NAME, "lists a file twice");
  for (const name of names) {
    if (!FILE_NAME.test(name) || name === MANIFEST_NAME) {
      yield tampered(MANIFEST_NAME, `lists a file named ${JSON.stringify(name)}, which no bundle can hold`);
    }
  }
  for (const { index, stdout, stderr } of manifest.commands) {
    for (const log of [stdout, stderr]) {
      if (log !== null && !listed.has(log)) {
        yield tampered(MANIFEST_NAME, `says that command ${index} wrote ${log}, and does not list that file`);
      }
    }
  }
}

async function checkFile(
  reader: BundleReader,
  { name, size, sha256 }: Manifest["files"][number],
  entry: BundleEntry | undefined,
): Promise<BundleFinding[]> {
  if (!FILE_NAME.test(name) || name === MANIFEST_NAME) return [];
  if (entry === undefined) return [incomplete(name, `is missing (${size} bytes, SHA-256 ${sha256})`)];
  if (entry.kind !== "file") return [tampered(name, `is a ${entry.kind}, not a file`)];
  const whole = createHash("sha256");
  const beginning = createHash("sha256");
  let read = 0;
  try {
    for await (const portion of reader.read(name)) {
      whole.update(portion);
      beginning.update(portion.subarray(0, Math.max(0, size - read)));
      read += portion.length;
    }
  } catch (error) {
    return [incomplete(name, `cannot be read: ${reasonOf(error)}`)];
  }
  const digest = whole.digest("hex");
  if (read === size && digest === sha256) return [];
  if (read < size) {
    return [tampered(name, `ends after ${read} of ${size} bytes; its SHA-256 should be ${sha256}`, read)];
  }
  if (read > size && beginning.digest("hex") === sha256) {
    return [tampered(name, `goes on for ${read - size} bytes after its ${size}, which are unchanged`, size)];
  }
  const grown = read === size ? `of its ${size} bytes` : `of its first ${size} bytes, and ${read - size} more follow`;
  return [tampered(name, `was changed somewhere ${grown}: SHA-256 is ${digest}, should be ${sha256}`)];
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
