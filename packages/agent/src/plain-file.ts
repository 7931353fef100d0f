import { err, ok, type Result } from "orchestrator-core";
import type { Files } from "./ports.ts";

/**
 * A file that commands can put something else in the place of: a fifo must not keep us waiting, nor a link lead us elsewhere, nor
 * its size fill our memory. Null: it is not there. One byte more than `bytes_max` says that there is more. Throws what the disk does.
 */
export function readPlain(files: Files, path: string, bytes_max: number): Result<Uint8Array | null, string> {
  if (!files.exists(path)) return ok(null);
  const fd = files.openPlain(path);
  if (fd === null) return err("is a link");
  try {
    const { kind, size } = files.statOpen(fd);
    if (kind !== "file") return err("is no file");
    const bytes = new Uint8Array(Math.min(size, bytes_max + 1));
    return ok(bytes.subarray(0, files.read(fd, bytes, 0)));
  } finally {
    files.close(fd);
  }
}
