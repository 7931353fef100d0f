import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { command, start, withState } from "./command.ts";

const set = (state: string, name: string, value: string) =>
  start(state, ["secret", "set", name], undefined, value).ended;

test("a secret is set, listed, used, masked and removed", async () => {
  await withState(async (state) => {
    expect(await set(state, "deploy-token", "correct horse battery\n")).toMatchObject({
      code: 0,
      out: "the secret deploy-token is set (21 bytes)\n",
    });
    expect((await command(state, "secret", "ls")).out).toBe("deploy-token\n");
    const file = join(state, "secrets", "deploy-token");
    expect(readFileSync(file, "utf8")).toBe("correct horse battery");
    expect([statSync(file).mode & 0o777, statSync(join(state, "secrets")).mode & 0o777]).toEqual([0o600, 0o700]);

    const workspace = mkdtempSync(join(tmpdir(), "orchestrator-secret-"));
    const stages = { deploy: { env: { TOKEN: { secret: "deploy-token" } }, exec: [["printenv", "TOKEN"]] } };
    writeFileSync(join(workspace, "w.json"), JSON.stringify({ name: "w", stages }));
    expect((await start(state, ["plan", "w.json"], workspace).ended).out).toContain("TOKEN=<deploy-token>");
    const ran = await start(state, ["run", "w.json"], workspace).ended;
    expect(ran.code, ran.err).toBe(0);
    expect((await command(state, "logs", "latest")).out).toBe("***\n");
    for (const name of readdirSync(state, { recursive: true }) as string[]) {
      const path = join(state, name);
      if (path === file || !statSync(path).isFile()) continue;
      expect(readFileSync(path, "latin1"), path).not.toContain("horse battery");
    }
    expect((await command(state, "secret", "rm", "deploy-token")).code).toBe(0);
    expect((await command(state, "secret", "rm", "deploy-token")).code).toBe(5);
    const without = await start(state, ["run", "w.json"], workspace).ended;
    expect(without.code).toBe(1);
    expect(without.out).toContain("orchestrator secret set deploy-token");
  });
});

test("a value or a name that can be none is refused, and nothing is stored", async () => {
  await withState(async (state) => {
    expect(await set(state, "short", "1234567\n")).toMatchObject({
      code: 3,
      err: expect.stringContaining("at least 8"),
    });
    expect(await set(state, "../x", "12345678")).toMatchObject({ code: 2 });
    expect((await command(state, "secret", "ls")).out).toBe("");
  });
});
