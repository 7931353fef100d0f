import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AS_NOBODY, type Ended, mayBecomeNobody, Site } from "./site.ts";

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

describe("a second daemon on the same state directory", () => {
  test("does not start, and names the first: its process and its address", async () => {
    await site.startDaemon();
    const { code, said } = await site.failToStart();
    expect(code).toBe(6);
    expect(said).toContain(`error[state-in-use]: process ${site.daemon!.pid} owns ${site.state}`);
    expect(said).toContain(`answers at ${site.url}`);
    expect(said).toContain("hint: use that one, or stop it");
    // the first has not felt it
    const run_id = await site.submit({ a: { kind: "gate", message: "Go on?" } });
    expect((await site.show(run_id)).run.status).toBe("needs_human");
  });

  test("that finds no word of the first still does not get at its store", async () => {
    await site.startDaemon();
    rmSync(join(site.state, "daemon.json"));
    const { code, said } = await site.failToStart();
    expect(code).toBe(6);
    expect(said).toMatch(/error\[state-in-use\]: the store in .* is in use by another process: stop that daemon/);
    await site.submit({ a: { kind: "gate", message: "Go on?" } });
  });

  test("starting at the same moment: one of them wins, the other ends with exit code 6", async () => {
    const ends: Ended[] = [];
    const rivals = await Promise.all(
      [0, 1].map(async () => {
        const rival = new Rival(site.state, site.workspace);
        await rival.startDaemon().catch(async () => ends.push(await rival.ended));
        return rival;
      }),
    );
    expect(ends.map(({ code }) => code)).toEqual([6]);
    expect(ends[0]!.said).toContain("error[state-in-use]");
    for (const rival of rivals) await rival.kill(rival.daemon);
  });
});

/** Another daemon on a state directory that is somebody else's to clean up. */
class Rival extends Site {
  override readonly state: string;
  override readonly workspace: string;
  constructor(state: string, workspace: string) {
    super();
    rmSync(this.directory, { recursive: true });
    this.state = state;
    this.workspace = workspace;
  }
}

describe.skipIf(!mayBecomeNobody())(
  "a state directory that this user cannot write to (needs root: becomes another user)",
  () => {
    let parent: string;
    beforeEach(() => {
      parent = mkdtempSync(join(tmpdir(), "readonly-"));
      chmodSync(parent, 0o755);
      chmodSync(site.directory, 0o755);
      chmodSync(site.workspace, 0o777);
    });
    afterEach(() => rmSync(parent, { recursive: true, force: true }));

    test("and that does not exist yet: it names the directory and asks for the right to write", async () => {
      const state = join(parent, "state");
      const { code, said } = await site.failToStart(["--state", state], { through: AS_NOBODY });
      expect(code).toBe(75);
      expect(said).toMatch(/EACCES: permission denied, mkdir/);
      expect(said).toContain(`hint: can this user write to the state directory ${state}`);
    });

    test("and that is somebody else's: it does not start, and leaves it as it is", async () => {
      await site.startDaemon();
      const run_id = await site.submit({ a: { kind: "gate", message: "Go on?" } });
      await site.stopDaemon();
      const { code, said } = await site.failToStart([], { through: AS_NOBODY });
      expect(code).toBe(75);
      expect(said).toMatch(/EACCES: permission denied|EPERM: operation not permitted/);
      expect(said).toContain("can this user write to the state directory");
      await site.startDaemon();
      expect((await site.show(run_id)).run.status).toBe("needs_human");
    });

    test("but for a store that was made read-only: the message says which right is missing, and nothing is lost once it is given", async () => {
      chownSync(site.directory, 65_534, 65_534);
      const as_nobody = { through: AS_NOBODY };
      await site.startDaemon([], as_nobody);
      const run_id = await site.submit({ a: { kind: "gate", message: "Go on?" } });
      await site.stopDaemon();
      chownSync(join(site.state, "db"), 0, 0);
      chmodSync(join(site.state, "db"), 0o555);
      const { code, said } = await site.failToStart([], as_nobody);
      expect([code, said]).toEqual([75, expect.stringContaining("error[store-unusable]")]);
      expect(said).toContain("give this user the right to read and write it");
      chownSync(join(site.state, "db"), 65_534, 65_534);
      chmodSync(join(site.state, "db"), 0o700);
      await site.startDaemon([], as_nobody);
      expect((await site.show(run_id)).run.status).toBe("needs_human");
    });
  },
);
