import { readdirSync } from "node:fs";
import { join } from "node:path";
import { exitCode } from "orchestrator-core";
import { expect, test } from "vitest";
import { expectationOf, repository } from "../fixtures.ts";
import { command, withState } from "./command.ts";

const examples = readdirSync(join(repository, "examples")).filter((name) => name.endsWith(".yaml"));
const EXITS = { succeeded: "ok", failed: "run_failed", needs_human: "needs_human", invalid: "invalid" } as const;

test.each(examples)("%s runs to its expected end, and its bundles verify", { timeout: 300_000 }, async (name) => {
  const expected = expectationOf(join(repository, "examples", name)) as keyof typeof EXITS;
  await withState(async (state) => {
    const ran = await command(state, "run", `examples/${name}`);
    expect(ran.code, ran.err + ran.out).toBe(exitCode(EXITS[expected]));
    if (expected === "invalid") return;
    const verified = await command(state, "verify", "latest");
    expect(verified.code, verified.out + verified.err).toBe(0);
    expect(verified.out).toContain("their manifests were compared with the journal");
    expect(verified.out).toMatch(/^[0-9]+ bundles? in .*: [0-9]+ intact$/m);
  });
});
