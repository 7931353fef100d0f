import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { until } from "../cluster.ts";
import { mayMount, readiness, Site, SmallDisk } from "./site.ts";

const MAY_MOUNT = mayMount();

let site: DiskSite;
let disk: SmallDisk;

/** All of the state directory, or only its bundles, on a small disk. */
class DiskSite extends Site {
  readonly small = join(this.directory, "disk");
  override readonly state = join(this.small, "state");
  /** As `up` has it: the logs are on the same disk. */
  override agentLog = (index: number): string => join(this.state, `agent-${index}.log`);

  override async close(): Promise<void> {
    for (const child of [this.daemon, ...this.agents]) await this.kill(child);
    disk.unmount();
    await super.close();
  }
}

beforeEach(() => {
  if (MAY_MOUNT) site = new DiskSite();
});
afterEach(async () => {
  if (MAY_MOUNT) await site.close();
});

/** A workflow of about 200 KB that nobody has submitted before. */
const big = (number: number): Record<string, unknown> =>
  Object.fromEntries(
    ["a", "b"].map((id) => [id, { env: { FILL: `${number} `.padEnd(100_000, "x") }, exec: [["true"]] }]),
  );

describe.skipIf(!MAY_MOUNT)("a full disk (needs root: mounts a tmpfs)", () => {
  test("under the store: the daemon says so on /readyz, exits 75, and with space again goes on with all that it acknowledged", async () => {
    disk = new SmallDisk(site.small, 48);
    await site.startDaemon(["--log", join(site.state, "daemon.log")]);
    const acknowledged = [await site.submit(big(0))];
    disk.fill(3_000);
    let refused = "";
    for (let number = 1; refused === ""; number++) {
      await site.submit(big(number)).then(
        (run_id) => void acknowledged.push(run_id),
        (error: unknown) => {
          refused = String(error);
        },
      );
    }
    expect(refused).toMatch(/"code":"(outcome-unknown|not-accepting)"/);
    expect(await readiness(site.url)).toEqual({
      status: 503,
      detail: expect.stringContaining("No space left on device") as string,
    });
    const end = await site.ended;
    expect(end).toMatchObject({ code: 75, said: expect.stringContaining("No space left on device") as string });
    expect(end.said).toContain("hint: nothing that was acknowledged is lost");

    // still full: it says which disk, and leaves everything as it is
    disk.fill();
    const again = await site.failToStart();
    expect(again.code).toBe(75);
    expect(again.said).toMatch(/no space left|is there room on its disk/i);

    disk.free();
    await site.startDaemon();
    expect(acknowledged.length).toBeGreaterThan(3);
    site.startAgent(0);
    for (const run_id of acknowledged) expect(await site.settled(run_id)).toBe("succeeded");
  });

  test("under the records only: the reason on /readyz is the disk, and no line of the log ends the daemon before", async () => {
    disk = new SmallDisk(site.small, 48);
    await site.startDaemon(["--log", join(site.state, "daemon.log")]);
    site.startAgent(0, ["--slots", "2"]);
    const first = await site.submit({ a: { exec: [["true"]] } });
    expect(await site.settled(first)).toBe("succeeded");
    // the projection of the first run's end, or of nothing at all, is what finds the disk full
    disk.fill();
    const acknowledged = [first];
    const ended = site.ended.then(() => true);
    while (!(await Promise.race([ended, new Promise<false>((resolve) => setTimeout(resolve, 5, false))]))) {
      await site.submit({ a: { exec: [["true"]] } }).then(
        (run_id) => void acknowledged.push(run_id),
        () => {},
      );
    }
    expect(await site.ended).toMatchObject({
      code: 75,
      said: expect.stringContaining("No space left on device") as string,
    });
    expect(site.agents[0]!.exitCode).toBeNull();
    disk.free();
    // the agent was there all the time, and finds the daemon at its new address
    await site.startDaemon();
    for (const run_id of acknowledged) {
      if ((await site.settled(run_id)) === "succeeded") continue;
      // its commands came while there was no room for a bundle
      expect((await site.show(run_id)).stages[0]).toMatchObject({ status: "failed", reason: "bundle_unwritable" });
    }
  });

  test("under the bundles: the stage fails and says why, nothing half written looks whole, and a retry succeeds with space", async () => {
    mkdirSync(site.state, { recursive: true, mode: 0o700 });
    disk = new SmallDisk(join(site.state, "runs"), 4);
    await site.startDaemon();
    site.startAgent(0);
    disk.fill();
    const run_id = await site.submit({
      none: { exec: [["true"]] },
      after: { requires: ["none"], exec: [["true"]] },
    });
    expect(await site.settled(run_id)).toBe("failed");
    const [none, after] = (await site.show(run_id)).stages;
    expect(none).toMatchObject({ status: "failed", reason: "bundle_unwritable" });
    expect(none!.message).toMatch(/ENOSPC|no space left/i);
    expect(after).toMatchObject({ status: "skipped", reason: "requirement_failed" });
    const { said } = await site.cli("show", run_id);
    expect(said).toMatch(/bundle_unwritable/);

    disk.free();
    await site.call("POST", `/v1/runs/${run_id}/retry`, {});
    expect(await site.settled(run_id)).toBe("succeeded");
    const verified = await site.cli("verify", run_id);
    expect(verified.said).toMatch(/intact +none\//);
    expect(verified.said).not.toMatch(/tampered/);
  });

  test("that a command fills up: its exec counts as failed, its bundle is incomplete and never looks whole, the agent goes on", async () => {
    mkdirSync(site.state, { recursive: true, mode: 0o700 });
    disk = new SmallDisk(join(site.state, "runs"), 4);
    await site.startDaemon();
    site.startAgent(0);
    const run_id = await site.submit({ flood: { exec: [["head", "-c", "20000000", "/dev/zero"]] } });
    expect(await site.settled(run_id)).toBe("failed");
    const [flood] = (await site.show(run_id)).stages;
    expect(flood).toMatchObject({ reason: "bundle_unwritable" });
    expect(flood!.message).toMatch(/ENOSPC|no space left/i);
    const { exec_id } = flood!.execs[0]!;
    const bundles = (): string[] => readdirSync(join(site.state, "runs", run_id, "flood"));
    expect(bundles()).not.toContain(exec_id);

    disk.grow(24);
    const next = await site.submit({ a: { exec: [["true"]] } });
    expect(await site.settled(next)).toBe("succeeded");
    // what could not even be marked is marked by the agent's next life
    await site.kill(site.agents[0]!);
    site.startAgent(0);
    await until("it is marked", async () => (bundles().includes(`${exec_id}.incomplete`) ? true : undefined));
    expect(await site.cli("verify", run_id)).toMatchObject({
      code: 8,
      said: expect.stringMatching(/incomplete +flood\//) as string,
    });
  });
});
