import { version } from "orchestrator-core";
import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { Cut } from "./backup-cut.ts";
import { BACKUP_SCHEMA, type BackupEnd, type BackupHeader, noCounts } from "./backup-format.ts";
import { drained } from "./http/streams.ts";
import type { Archive, ArchiveCursor } from "./store/store.ts";

/** Characters that are gathered before they are sent. */
const CHUNK = 64 * 1024;
/** A reader that takes nothing for this long is gone: its cut must not stay open for ever. */
const IDLE_MS = 60_000;

/**
 * What the store held at the cut, as text, piece by piece. A page of the store at a time is in memory; what was stored
 * after the cut is left out.
 */
export async function* backupText(archive: Archive, cut: Cut, made_at: string): AsyncGenerator<string> {
  const hash = createHash("sha256");
  const counts = noCounts();
  let chunk = "";
  const add = (line: BackupHeader | object): void => {
    const text = `${JSON.stringify(line)}\n`;
    hash.update(text);
    chunk += text;
  };
  const header: BackupHeader = {
    kind: "header",
    schema: BACKUP_SCHEMA,
    store: archive.identity,
    commit: cut.commit,
    run_number: cut.run_number,
    made_at,
    made_by: version,
  };
  add(header);
  for (let after: ArchiveCursor | null = null; ; ) {
    const page = await archive.readArchive(after);
    for (const item of page.items) {
      if (!cut.has(item)) continue;
      counts[item.kind]++;
      if (item.kind === "journal") counts.events += item.last_seq - item.first_seq + 1;
      add(item);
      if (chunk.length < CHUNK) continue;
      yield chunk;
      chunk = "";
    }
    if (page.next === null) break;
    after = page.next;
  }
  const end: BackupEnd = { kind: "end", counts, sha256: hash.digest("hex") };
  yield `${chunk}${JSON.stringify(end)}\n`;
}

/** Sends a backup as fast as it is taken. A reader that goes away, or takes nothing, ends it. */
export async function sendBackup(
  archive: Archive,
  cut: Cut,
  made_at: string,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  try {
    const pieces = backupText(archive, cut, made_at);
    // the first piece before the head: a store that cannot be read is a problem, and not an empty file
    let piece = await pieces.next();
    response.writeHead(200, { "content-type": "application/x-ndjson", "cache-control": "no-store" });
    response.setTimeout(IDLE_MS, () => response.destroy());
    for (; !piece.done && !signal.aborted; piece = await pieces.next()) {
      const room = response.write(piece.value);
      if (!room && !signal.aborted) await drained(response);
    }
    response.end();
  } finally {
    cut.end();
  }
}
