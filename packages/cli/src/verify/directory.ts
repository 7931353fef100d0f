import { constants } from "node:fs";
import { lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { BundleEntry, BundleReader } from "./reader.ts";

/** A bundle as it lies on disk. Follows no symbolic link, not even one that appears between looking and reading. */
export function directoryReader(dir: string): BundleReader {
  return {
    async entries() {
      const names = (await readdir(dir)).sort();
      return await Promise.all(
        names.map(async (name): Promise<BundleEntry> => {
          const stat = await lstat(join(dir, name));
          const kind = stat.isFile()
            ? "file"
            : stat.isDirectory()
              ? "directory"
              : stat.isSymbolicLink()
                ? "symlink"
                : "other";
          return { name, kind, size: stat.size };
        }),
      );
    },
    async *read(name) {
      // non-blocking: a named pipe put in its place must not hold us up
      const file = await open(join(dir, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      yield* file.createReadStream() as AsyncIterable<Uint8Array>;
    },
  };
}
