import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "../src/cli.ts";
import { makeContext } from "../src/context.ts";
import { failureOf } from "../src/errors.ts";
import { fakeIo, repository } from "./fixtures.ts";

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "orchestrator-cli-"));
});
afterAll(() => rmSync(dir, { recursive: true }));

async function cli(...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const io = fakeIo();
  const code = await runCli(argv, { io, env: {}, cwd: dir });
  return { code, ...io.written };
}

function file(text: string): string {
  writeFileSync(join(dir, "ci.yaml"), text);
  return "ci.yaml";
}

const wrong: readonly (readonly [string, readonly string[], string])[] = [
  ["an unknown command", ["rum"], "unknown command 'rum'"],
  ["an unknown option", ["ls", "--everything"], "unknown option '--everything'"],
  ["a missing argument", ["show"], "missing required argument 'run'"],
  ["one argument too many", ["validate", "a.yaml", "b.yaml"], "too many arguments"],
  ["a number that is none", ["ls", "--limit", "many"], "give a whole number"],
  ["a choice that is none", ["approve", "latest", "--as", "perhaps"], "Allowed choices are"],
  ["run without a file", ["run"], "give a workflow file, or --continue RUN"],
  ["run with a file and a run", ["run", "a.yaml", "--continue", "latest"], "not both"],
  ["logs of an exec without a stage", ["up", "--agents", "0"], "give a whole number"],
];
test.each(wrong)("%s is a mistake of the command line: exit code 2, and a hint", async (_, argv, message) => {
  const { code, err, out } = await cli(...argv);
  expect(code).toBe(2);
  expect(err).toContain(message);
  expect(out).toBe("");
});

test("help goes to stdout with exit code 0, and names every command", async () => {
  const { code, out } = await cli("--help");
  expect(code).toBe(0);
  for (const name of ["run", "up", "stop", "validate", "plan", "schema", "ls", "show", "logs", "why", "approve"]) {
    expect(out).toMatch(new RegExp(`^  ${name} `, "m"));
  }
});

test("every command and every option is documented, and no other", async () => {
  const text = readFileSync(join(repository, "docs", "reference", "cli.md"), "utf8");
  const { out } = await cli("--help");
  const commands = [...out.matchAll(/^ {2}([a-z]+) .*/gm)].map(([, name]) => name!).filter((name) => name !== "help");
  const tables = [...text.matchAll(/^\| `([a-z]+)[^|]*\|.*\|.*\|$/gm)].map(([, name]) => name!);
  expect(new Set(tables)).toEqual(new Set(commands));
  const options = new Set<string>();
  const collect = async (...words: readonly string[]): Promise<void> => {
    const help = (await cli(...words, "--help")).out;
    for (const [option] of help.matchAll(/--[a-z-]+/g)) options.add(option);
    const [, verbs = ""] = help.split("\nCommands:\n");
    for (const [, verb] of verbs.matchAll(/^ {2}([a-z]+) .*/gm)) if (verb !== "help") await collect(...words, verb!);
  };
  for (const name of commands) await collect(name);
  for (const option of ["--help", "--version"]) options.delete(option);
  // an option of npx itself
  const ours = text.replaceAll("npx --no ", "npx ");
  expect(new Set(ours.match(/--[a-z][a-z-]+/g))).toEqual(options);
});

test("global options stand before or after the command", async () => {
  const [before, after] = [await cli("--json", "version"), await cli("version", "--json")];
  expect(before.out).toBe(after.out);
  expect(JSON.parse(before.out)).toMatchObject({ version: "0.1.0" });
});

test("version names what it runs on", async () => {
  expect((await cli("--version")).out).toBe("0.1.0\n");
  expect((await cli("version")).out).toMatch(/^orchestrator 0\.1\.0 \(node [0-9.]+, /);
});

test("a valid file is said to be valid", async () => {
  const { code, out } = await cli("validate", file("name: x\nstages:\n  a:\n    exec:\n      - [node, --version]\n"));
  expect(code).toBe(0);
  expect(out).toBe("ci.yaml is valid: x, 1 stage\n");
});

test("an invalid file shows all its problems at once, each with place and hint, on stderr", async () => {
  const text =
    "name: x\nstages:\n  test:\n    exec: [[node]]\n  deploy:\n    requires: [tset]\n    timeout: soon\n    exec: [[node]]\n";
  const { code, out, err } = await cli("validate", file(text));
  expect(code).toBe(3);
  expect(out).toBe("");
  expect(err).toContain("error[stage-unknown]");
  expect(err).toContain("--> ci.yaml:6:16  /stages/deploy/requires/0");
  expect(err).toContain("hint: did you mean `test`?");
  expect(err).toContain("error[duration-invalid]");
});

test("--json gives the problems as data", async () => {
  const { code, out } = await cli("validate", file("name: x\nstagse: {}\n"), "--json");
  expect(code).toBe(3);
  const { exit, problems } = JSON.parse(out) as { exit: number; problems: { code: string }[] };
  expect(exit).toBe(3);
  expect(problems.map((problem) => problem.code)).toContain("key-unknown");
});

test("a file that does not exist ends with exit code 5", async () => {
  const { code, err } = await cli("validate", "nowhere.yaml");
  expect(code).toBe(5);
  expect(err).toBe("error: there is no file nowhere.yaml\n");
});

test("a slip in a file's or a directory's name is named, and what a directory holds", async () => {
  mkdirSync(join(dir, "flows"));
  writeFileSync(join(dir, "flows", "build.yaml"), "");
  expect((await cli("validate", "flwos/biuld.yaml")).err).toContain("  hint: did you mean flows/build.yaml?\n");
  expect((await cli("run", "flows")).err).toContain("  hint: it holds flows/build.yaml\n");
});

test("a file that is no YAML shows its first slips, and not what follows from them", async () => {
  const { err } = await cli("validate", join(repository, "README.md"));
  expect(err.match(/^error\[yaml-syntax\]/gm)).toHaveLength(3);
  expect(err).toMatch(/^… and [0-9]+ places more that cannot be read, which may follow from these$/m);
});

test("a workspace that is not there is refused before anything is made", async () => {
  const { code, err } = await cli("run", join(repository, "examples", "hello.yaml"), "--workspace", "nowhere");
  expect(code).toBe(3);
  expect(err).toContain("error[workspace-missing]: the workspace nowhere is not a directory");
  expect(existsSync(join(dir, ".orchestrator"))).toBe(false);
});

test("what the operating system refuses is said in words, with what to do", () => {
  const refused = Object.assign(new Error("no"), { syscall: "mkdir", path: "/x", code: "EACCES", errno: -13 });
  expect(failureOf(refused)).toMatchObject({
    exit: 75,
    problems: [{ message: "mkdir /x: permission denied", hint: expect.stringContaining("--state") as string }],
  });
});

test("command lines in hints are those that this person can type", () => {
  const typed = (env: Record<string, string>, state: string) =>
    makeContext({ state }, { io: fakeIo(), env, cwd: "/" }).typed("see it: orchestrator ls, or `orchestrator why 1 a`");
  expect(typed({ npm_command: "exec" }, ".orchestrator")).toBe(
    "see it: npx --no orchestrator ls, or `npx --no orchestrator why 1 a`",
  );
  expect(typed({}, "else where")).toBe(
    "see it: orchestrator ls --state 'else where', or `orchestrator why --state 'else where' 1 a`",
  );
});

test("plan shows each command with its verdict, and the digests, and never the value of a variable", async () => {
  const text = 'name: x\nstages:\n  a:\n    env: { SECRET: hush }\n    exec:\n      - [expr, "1 + 1"]\n';
  const { code, out } = await cli("plan", file(text));
  expect(code).toBe(0);
  expect(out).toMatch(/^plan_digest {4}[0-9a-f]{64}$/m);
  expect(out).toMatch(/^ {2}exec_digest [0-9a-f]{64}$/m);
  expect(out).toContain("allow  expr '1 + 1'");
  expect(out).toContain("env SECRET");
  expect(out).not.toContain("hush");
  expect((await cli("plan", "ci.yaml", "--json")).out).not.toContain("hush");
});

test("plan shows what policy denies, and says so with exit code 3", async () => {
  const { code, out } = await cli("plan", join(repository, "examples", "shell-denied.yaml"));
  expect(code).toBe(3);
  expect(out).toContain("deny   bash -c 'echo by name'");
});

test("policy explain says the verdict, the rule, the place and what to change", async () => {
  const denied = await cli("policy", "explain", "--", "env", "-i", "sh", "-c", "ls");
  expect(denied.code).toBe(3);
  expect(denied.out).toContain("deny[shell]: the command starts a shell: `sh` (through `env`)\n  --> /argv/2\n");
  expect(denied.out).toContain("allow_shell: true }, or start the program itself");
  const asked = await cli("policy", "explain", "--as", "proposer", "--allow-shell", "--json", "--", "node", "-e", "1");
  expect(asked.code).toBe(4);
  expect(JSON.parse(asked.out)).toMatchObject({ verdict: "ask", findings: [{ rule: "inline-code" }] });
  expect(await cli("policy", "explain", "--", "git", "status")).toMatchObject({ code: 0 });
  expect((await cli("policy", "explain", "--env", "LD_PRELOAD=./x.so", "--", "ls")).code).toBe(3);
  expect((await cli("policy", "explain", "--cwd", "../x", "--", "ls")).code).toBe(2);
});

test("the schema is JSON Schema", async () => {
  const { code, out } = await cli("schema");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toHaveProperty("properties.stages");
});

test("ls where nothing ever ran says so, and leaves no state directory behind", async () => {
  const { code, out, err } = await cli("ls");
  expect(code).toBe(0);
  expect(out).toBe("");
  expect(err).toContain("no runs in .orchestrator yet");
});

test("show, why and logs where nothing ever ran end with exit code 5", async () => {
  for (const argv of [
    ["show", "latest"],
    ["why", "latest", "a"],
    ["logs", "latest"],
  ]) {
    expect((await cli(...argv)).code).toBe(5);
  }
});

test("stop and --detach without a daemon end with exit code 7", async () => {
  const valid = file("name: x\nstages:\n  a:\n    exec:\n      - [node, --version]\n");
  expect((await cli("stop")).code).toBe(7);
  expect((await cli("run", valid, "--detach")).code).toBe(7);
});

test("a hinted command line names the state directory where it is not the usual one", async () => {
  const { err } = await cli("ls", "--state", "elsewhere dir");
  expect(err).toContain("orchestrator run FILE --state 'elsewhere dir'");
});
