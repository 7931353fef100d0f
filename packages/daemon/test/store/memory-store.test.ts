import { expect, test } from "vitest";
import { newMemoryDisk, openMemoryStore } from "../../src/store/memory-store.ts";
import { describeStore } from "./conformance.ts";
import { commit, row, runId, submit, submitted } from "./fixtures.ts";

let disks = 0;
describeStore({
  name: "memory",
  queries: false,
  async open() {
    const disk = newMemoryDisk(`memory ${++disks}`);
    const again = async () => openMemoryStore(disk);
    return { store: openMemoryStore(disk), reopen: again, takeOver: again, dispose: async () => {} };
  },
});

test("memory finds what a caller must not do", async () => {
  const store = openMemoryStore(newMemoryDisk());
  await store.commit(submit(1));
  const gap = commit(2, { rows: [row(runId(1), 3)] });
  await expect(store.commit(gap)).rejects.toThrow("3 follows 1");
  const nowhere = commit(2, { rows: [row(runId(2), 1)], submitted: [submitted(2, { workflow_text: null })] });
  await expect(store.commit(nowhere)).rejects.toThrow("is stored");
});
