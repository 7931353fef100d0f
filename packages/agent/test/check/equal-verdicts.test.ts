import fc from "fast-check";
import { digestOf, type Grant, judgeWorkflow, parseWorkflow, readPolicy } from "orchestrator-core";
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

const policy = readPolicy({
  machine: `
deny: [{ argv: [git], why: no git }]
ask: [{ argv: [find, { glob: "-*" }], why: it searches }]
allow: [{ program: /usr/bin/env, argv: [env, sh], expires: 2030-01-01, by: ada, why: it is fine, env: [A] }]`,
  project: "allow_shell: ask",
});
if (!policy.ok) throw new Error(JSON.stringify(policy.error));
const under = { policy: policy.value, now: 1_790_000_000_000 };

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
        const daemon = judgeWorkflow(parsed.value, role, under).stages.get("a");
        // what the agent judges came to it as JSON
        const grant = JSON.parse(
          JSON.stringify({ stage_id: "a", role, exec: stage.exec, exec_digest: digestOf(stage.exec), approval: null }),
        ) as Grant;
        expect(checkGrant(grant, under).verdicts).toEqual(daemon);
      },
    ),
    { numRuns: 2_000 },
  );
});
