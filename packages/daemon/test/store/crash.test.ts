import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { kill, makeProgram, nextMessage } from "./child.ts";

/** `STORE_CRASHES=300 npx vitest run packages/daemon/test/store/crash.test.ts` for the long form. */
const CRASHES = Number(process.env["STORE_CRASHES"] ?? 10);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const start = await makeProgram("crash-child");

test(`of ${CRASHES} stores killed at a random moment none loses an acknowledged commit or keeps half of one`, {
  timeout: 30_000 + CRASHES * 10_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), "store-crash-"));
  const url = `rocksdb://${directory}/db`;
  let acknowledged = 0;
  let inFlight = 0;
  for (let crash = 1; crash <= CRASHES; crash++) {
    const child = start([url, String(acknowledged)]);
    if (crash % 5 === 0) {
      // while it opens the store, or checks it
      await pause(Math.random() * 400);
      await kill(child);
      continue;
    }
    const checked = (await nextMessage(child)) as { checked: number; failed?: string };
    expect(checked.failed).toBeUndefined();
    inFlight += checked.checked - acknowledged;
    acknowledged = checked.checked;
    let failed: string | undefined;
    child.on("message", (message: { acknowledged?: number; failed?: string }) => {
      acknowledged = message.acknowledged ?? acknowledged;
      failed ??= message.failed;
    });
    await pause(10 + Math.random() ** 2 * 700);
    await kill(child);
    expect(failed).toBeUndefined();
  }
  const last = start([url, String(acknowledged), "stop"]);
  expect(await nextMessage(last)).toMatchObject({ checked: expect.any(Number) as number });
  await kill(last);
  console.log(`${acknowledged} commits acknowledged over ${CRASHES} crashes, ${inFlight} stored without an answer`);
  expect(acknowledged).toBeGreaterThan(CRASHES);
  rmSync(directory, { recursive: true, force: true });
});
