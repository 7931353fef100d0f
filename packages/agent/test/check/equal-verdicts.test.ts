import fc from "fast-check";
import { digestOf, type Grant, judgeWorkflow, parseWorkflow } from "orchestrator-core";
import { expect, test } from "vitest";
import { checkGrant } from "../../src/check/grant.ts";

const word = fc.oneof(
  fc.constantFrom(
    "sh",
    "env",
    "-c",
    "-i",
    "A=b",
    "node",
    "-e",
    "git",
    "-c",
    "alias.x=!ls",
    "find",
    "-exec",
    ";",
    "awk",
  ),
  fc.constantFrom(
    '{print | "sh"}',
    "sed",
    "1e ls",
    "tar",
    "-I",
    "--",
    "../x",
    "xargs",
    "timeout",
    "5",
    "poetry",
    "run",
  ),
  fc.string({ minLength: 1, maxLength: 8 }),
);
const command = fc.record({
  argv: fc.array(word, { minLength: 1, maxLength: 8 }),
  cwd: fc.constantFrom(".", "a", "a/b"),
  allow_shell: fc.boolean(),
  env: fc.dictionary(
    fc.constantFrom("A", "PATH", "LD_PRELOAD", "CC", "NODE_OPTIONS"),
    fc.constantFrom("x", "gcc", "/usr/bin"),
  ),
});

test("daemon and agent come to the same verdicts, whatever the commands", () => {
  fc.assert(
    fc.property(
      fc.array(command, { minLength: 1, maxLength: 3 }),
      fc.constantFrom("operator", "proposer"),
      (exec, role) => {
        const parsed = parseWorkflow({ name: "w", stages: { a: { exec } } });
        if (!parsed.ok) return;
        const stage = parsed.value.stages["a"]!;
        if (stage.kind !== "exec") throw new Error("an exec stage");
        const daemon = judgeWorkflow(parsed.value, role).stages.get("a");
        // what the agent judges came to it as JSON
        const grant = JSON.parse(
          JSON.stringify({ stage_id: "a", role, exec: stage.exec, exec_digest: digestOf(stage.exec), approval: null }),
        ) as Grant;
        expect(checkGrant(grant).verdicts).toEqual(daemon);
      },
    ),
    { numRuns: 2_000 },
  );
});
