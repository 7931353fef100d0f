import { ProblemError } from "orchestrator-core";
import { readAll, wholeBody } from "./http.ts";
import type { Link } from "./link.ts";

/** A file of a bundle, by its exec. */
export interface BundleFile {
  readonly run_id: string;
  readonly stage_id: string;
  readonly exec_id: string;
  readonly name: string;
}

/** Bytes of a file from `from` on, at most `count`; null where there is no such file (yet). Empty at its end. */
export async function readRange(link: Link, file: BundleFile, from: number, count: number): Promise<Buffer | null> {
  try {
    const body = await link.stream(
      "readFile",
      { params: file, query: {} },
      { range: `bytes=${from}-${from + count - 1}` },
    );
    return await readAll(body);
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    if (error.problems[0].code === "range-invalid") return Buffer.alloc(0);
    if (error.problems[0].code === "file-unknown") return null;
    throw error;
  }
}

/**
 * A file from `from` on, as it grows, until no more can come or nothing has for a while; null where there is no such file
 * (yet). Throws `NoAnswer` where the connection is cut, and what is no error where `signal` was aborted.
 */
export async function followFile(
  link: Link,
  file: BundleFile,
  from: number,
  signal: AbortSignal,
): Promise<AsyncIterable<Buffer> | Iterable<Buffer> | null> {
  try {
    return wholeBody(await link.stream("readFile", { params: file, query: { follow_from: from } }, {}, signal));
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const { code } = error.problems[0];
    // so many are followed already that this one is only looked at now and then
    if (code === "too-many-requests") {
      const portion = await readRange(link, file, from, PORTION);
      return portion === null ? null : [portion];
    }
    if (code === "file-unknown") return null;
    throw error;
  }
}

const PORTION = 256 * 1024;

/** All of a file from `from` on, in portions. */
export async function* readFrom(link: Link, file: BundleFile, from = 0): AsyncGenerator<Buffer> {
  for (let at = from; ; ) {
    const portion = await readRange(link, file, at, PORTION);
    if (portion === null || portion.length === 0) return;
    yield portion;
    at += portion.length;
  }
}

/** The last lines of a file, at most `lines_max`, from its last `bytes_max` bytes. */
export async function readTail(link: Link, file: BundleFile, lines_max: number, bytes_max = 16_384): Promise<string[]> {
  let body;
  try {
    body = await link.stream("readFile", { params: file, query: {} }, { range: "bytes=0-0" });
  } catch (error) {
    if (error instanceof ProblemError) return [];
    throw error;
  }
  await readAll(body);
  const size = Number(/\/([0-9]+)$/.exec(body.headers["content-range"] ?? "")?.[1] ?? body.headers["content-length"]);
  const from = Math.max(0, size - bytes_max);
  const bytes = (await readRange(link, file, from, bytes_max)) ?? Buffer.alloc(0);
  const lines = bytes
    .toString("utf8")
    .replace(/\r?\n$/, "")
    .split(/\r?\n/);
  // the first line may have been cut in two
  if (from > 0) lines.shift();
  return lines.length === 1 && lines[0] === "" ? [] : lines.slice(-lines_max);
}
