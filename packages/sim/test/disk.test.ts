import { describe, expect, test } from "vitest";
import { Disk } from "../src/disk.ts";
import { Dice } from "../src/random.ts";

/** What a hundred power cuts leave of what `act` did: each outcome once. */
function outcomes(act: (disk: Disk) => void, look: (disk: Disk) => unknown): Set<string> {
  const seen = new Set<string>();
  for (let i = 0; i < 100; i++) {
    const disk = new Disk();
    disk.addDirectory("/d", 0o700);
    disk.syncDirectory(disk.root);
    act(disk);
    disk.crash(new Dice(String(i)));
    seen.add(JSON.stringify(look(disk)));
  }
  return seen;
}

const text = (disk: Disk, path: string): string | null => disk.file(path)?.data.toString() ?? null;

function write(disk: Disk, path: string, content: string, sync: boolean): void {
  const node = disk.file(path) ?? disk.addFile(path, 0o600);
  disk.append(node, Buffer.from(content));
  if (sync) disk.syncFile(node);
}

describe("a power cut", () => {
  test("leaves what was synced, name and content", () => {
    const left = outcomes(
      (disk) => {
        write(disk, "/d/f", "abc", true);
        disk.syncDirectory(disk.directory("/d"));
      },
      (disk) => text(disk, "/d/f"),
    );
    expect([...left]).toEqual(['"abc"']);
  });

  test("may take a name that its directory was not synced for", () => {
    const left = outcomes(
      (disk) => write(disk, "/d/f", "abc", true),
      (disk) => text(disk, "/d/f"),
    );
    expect([...left].sort()).toEqual(['"abc"', "null"]);
  });

  test("may cut unsynced content anywhere", () => {
    const left = outcomes(
      (disk) => {
        write(disk, "/d/f", "ab", true);
        disk.syncDirectory(disk.directory("/d"));
        write(disk, "/d/f", "cd", false);
      },
      (disk) => text(disk, "/d/f"),
    );
    expect([...left].sort()).toEqual(['"ab"', '"abc"', '"abcd"']);
  });

  test("keeps or loses a rename as a whole", () => {
    const left = outcomes(
      (disk) => {
        write(disk, "/d/old", "abc", true);
        disk.syncDirectory(disk.directory("/d"));
        disk.rename("/d/old", "/d/new");
      },
      (disk) => [text(disk, "/d/old"), text(disk, "/d/new")],
    );
    expect([...left].sort()).toEqual(['["abc",null]', '[null,"abc"]']);
  });
});

test("a directory without the right to write takes no new names", () => {
  const disk = new Disk();
  disk.addDirectory("/d", 0o555);
  expect(() => disk.addFile("/d/f", 0o600)).toThrow("EACCES");
});
