import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { kill, makeProgram } from "./child.ts";
import { describeStore } from "./conformance.ts";
import { type Host, makeHost } from "./remote-store.ts";

const start = await makeProgram("store-host");
let running: { child: ChildProcess; host: Host } | null = null;
afterAll(() => crash());

/** One child serves test after test, until one of them kills it. */
function host(): Host {
  if (running === null) {
    const child = start([]);
    running = { child, host: makeHost(child) };
  }
  return running.host;
}

async function crash(): Promise<void> {
  if (running !== null) await kill(running.child);
  running = null;
}

describeStore({
  name: "rocksdb://",
  queries: true,
  async open() {
    const directory = mkdtempSync(join(tmpdir(), "store-"));
    const url = `rocksdb://${directory}/db`;
    const first = await host().open(url);
    let last = first;
    return {
      store: first.store,
      async reopen() {
        await crash();
        last = await host().open(url);
        return last.store;
      },
      async takeOver() {
        last = await last.takeOver();
        return last.store;
      },
      async dispose() {
        await last.store.close();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  },
});
