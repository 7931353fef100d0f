import { createHash } from "node:crypto";
import type { Ports } from "../ports.ts";

/** One buffer for all: each piece is read and hashed within one turn, so nobody sees another's bytes. */
const CHUNK_BYTES = 256 * 1024;
const chunk = new Uint8Array(CHUNK_BYTES);

export interface Hashed {
  readonly size: number;
  readonly sha256: string;
}

/** Hashes an open file from its beginning, a piece a turn: memory stays flat and heartbeats go out meanwhile. */
export async function hashOpen({ clock, files }: Pick<Ports, "clock" | "files">, fd: number): Promise<Hashed> {
  const hash = createHash("sha256");
  let size = 0;
  for (;;) {
    const count = files.read(fd, chunk, size);
    if (count > 0) hash.update(chunk.subarray(0, count));
    size += count;
    if (count < CHUNK_BYTES) return { size, sha256: hash.digest("hex") };
    await new Promise<void>((resolve) => {
      clock.after(0, resolve);
    });
  }
}

export function hashText(text: string): Hashed {
  const bytes = Buffer.from(text);
  return { size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}
