import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli } from "../src/cli.ts";
import { expectationOf, fakeIo, repository } from "./fixtures.ts";

const examples = readdirSync(join(repository, "examples")).filter((name) => name.endsWith(".yaml"));

test("all examples of the README are there", () => {
  expect(examples).toEqual(
    expect.arrayContaining(
      ["hello", "fan-out-fan-in", "gate", "retry", "failure", "shell-allowed", "shell-denied", "self-check"].map(
        (name) => `${name}.yaml`,
      ),
    ),
  );
});

test.each(examples)("%s is valid, or is denied as it says", async (name) => {
  const path = join(repository, "examples", name);
  const io = fakeIo();
  const code = await runCli(["validate", path], { io, env: {}, cwd: repository });
  expect(io.written.err).toBe(expectationOf(path) === "invalid" ? io.written.err : "");
  expect(code).toBe(expectationOf(path) === "invalid" ? 3 : 0);
});

test("the denied example says what to change, once for each command", async () => {
  const io = fakeIo();
  await runCli(["validate", join(repository, "examples", "shell-denied.yaml")], { io, env: {}, cwd: repository });
  expect(io.written.err.match(/^error\[shell-denied\]/gm)).toHaveLength(3);
  expect(io.written.err.match(/hint: .*allow_shell: true/g)).toHaveLength(3);
});
