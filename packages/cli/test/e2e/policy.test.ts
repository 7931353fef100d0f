import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { start, withState } from "./command.ts";

const inDay = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);

/** A state directory with a policy, and a workspace with a project's and a workflow of one command. */
async function withPolicies(
  files: { readonly machine?: string; readonly project?: string },
  argv: readonly string[],
  use: (
    cli: (...words: string[]) => ReturnType<typeof start>["ended"],
    workspace: string,
    state: string,
  ) => Promise<void>,
): Promise<void> {
  await withState(async (state) => {
    const workspace = mkdtempSync(join(tmpdir(), "orchestrator-policy-"));
    mkdirSync(state, { recursive: true, mode: 0o700 });
    if (files.machine !== undefined) writeFileSync(join(state, "policy.yaml"), files.machine);
    if (files.project !== undefined) writeFileSync(join(workspace, "orchestrator.policy.yaml"), files.project);
    writeFileSync(join(workspace, "w.json"), JSON.stringify({ name: "w", stages: { a: { exec: [argv] } } }));
    await use((...words) => start(state, words, workspace).ended, workspace, state);
  });
}

const node = realpathSync(process.execPath);
const exception = (program: string): string =>
  `allow: [{ program: ${program}, argv: [node, -e, "0"], expires: ${inDay}, by: ada, why: a test }]`;

test("an exception of the machine lets a command run, and is in its manifest", async () => {
  await withPolicies({ machine: exception(node) }, ["node", "-e", "0"], async (cli) => {
    expect((await cli("policy", "explain", "--", "node", "-e", "0")).out).toContain("ada, until");
    const ran = await cli("run", "w.json");
    expect(ran.code, ran.err + ran.out).toBe(0);
  });
});

test("an exception for another file lets nothing run", async () => {
  await withPolicies({ machine: exception("/usr/bin/true") }, ["node", "-e", "0"], async (cli) => {
    const ran = await cli("run", "w.json");
    expect(ran.code).toBe(1);
    expect(ran.out).toContain("policy lets this command for /usr/bin/true");
  });
});

test("what a project denies is denied before anything runs, and who changes its file makes grants void", async () => {
  const project = "deny: [{ argv: [touch], why: not here }]";
  await withPolicies({ project }, ["touch", "x"], async (cli) => {
    const ran = await cli("run", "w.json");
    expect(ran.code).toBe(3);
    expect(ran.err).toContain("policy denies this command: not here");
  });
  await withPolicies({}, ["node", "change.mjs"], async (cli, workspace) => {
    const change = `import { writeFileSync } from "node:fs"; writeFileSync("orchestrator.policy.yaml", "allow_shell: ask");`;
    writeFileSync(join(workspace, "change.mjs"), change);
    const stages = { a: { exec: [["node", "change.mjs"]] }, b: { requires: ["a"], exec: [["touch", "x"]] } };
    writeFileSync(join(workspace, "w.json"), JSON.stringify({ name: "w", stages }));
    const ran = await cli("run", "w.json");
    expect(ran.code).toBe(1);
    expect(ran.out).toContain("their policy files differ, or were changed since");
  });
});

test("a project's file that is a fifo or a link is refused, and nobody waits for it", async () => {
  await withPolicies({}, ["true"], async (cli, workspace) => {
    const file = join(workspace, "orchestrator.policy.yaml");
    for (const [argv, what] of [
      [["mkfifo", file], "is no file"],
      [["ln", "-s", "/etc/passwd", file], "is a link"],
    ] as const) {
      spawnSync(argv[0], argv.slice(1));
      const ran = await cli("run", "w.json");
      expect([ran.code, ran.err]).toEqual([3, expect.stringContaining(`orchestrator.policy.yaml ${what}`)]);
      rmSync(file);
      // a command makes it, and the agent finds it before the next
      const stages = { a: { exec: [[argv[0], ...argv.slice(1, -1), "orchestrator.policy.yaml"]] } };
      const after = { requires: ["a"], exec: [["touch", "x"]] };
      writeFileSync(join(workspace, "then.json"), JSON.stringify({ name: "w", stages: { ...stages, after } }));
      const stopped = await cli("run", "then.json");
      expect([stopped.code, stopped.out]).toEqual([1, expect.stringContaining(`orchestrator.policy.yaml ${what}`)]);
      rmSync(file);
    }
  });
});

test("a machine that wants a sandbox refuses where there is none to be had", async () => {
  await withPolicies({ machine: "sandbox: contained" }, ["true"], async (cli) => {
    const ran = await cli("run", "w.json", "--sandbox", "none");
    expect(ran.code).toBe(1);
    expect(ran.out).toContain("wants the sandbox `contained`");
  });
});

test("a file that is wrong stops everything, and says where", async () => {
  await withPolicies({ machine: "deny:\n  - argv: [x]\n" }, ["true"], async (cli, workspace, state) => {
    const ran = await cli("run", "w.json");
    expect(ran.code).toBe(3);
    expect(ran.err).toMatch(/policy\.yaml:2:5: .*has no `why`/);
    const tested = await cli("policy", "test", join(state, "policy.yaml"));
    expect(tested.code).toBe(3);
    expect(tested.err).toMatch(/error\[key-missing\][^]*policy\.yaml:2:5/);
    writeFileSync(join(workspace, "good.yaml"), "deny: [{ argv: [x], why: y, match: [[x, z]] }]");
    expect((await cli("policy", "test", "good.yaml")).out).toBe("good.yaml: 1 rule, 1 example, all as they say\n");
    expect((await cli("policy", "test", "--project", "good.yaml")).code).toBe(0);
  });
});
