import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makePlace, type Place, readBundle, stage } from "../fixtures.ts";
import { command, shell } from "../scripted-daemon.ts";

const VALUE = "correct horse/battery";

function withSecrets(secrets: Readonly<Record<string, string | Uint8Array>>): Place {
  const place = makePlace();
  mkdirSync(join(place.state, "secrets"), { mode: 0o700 });
  for (const [name, value] of Object.entries(secrets)) writeFileSync(join(place.state, "secrets", name), value);
  return place;
}

async function run(place: Place, script: string, secrets: Record<string, string>, more: object = {}) {
  const scene = stage({ place });
  const [grant] = scene.daemon.queue({ exec: { commands: [shell(script, { secrets, ...more })] } });
  await scene.daemon.until(() => scene.daemon.reportOf(grant!.exec_id) !== undefined);
  const manifest = scene.daemon.manifestOf(grant!.exec_id);
  return { ...scene, manifest, bundle: readBundle(place.state, manifest) };
}

/** All that lies beneath a directory. */
function* filesIn(directory: string): Generator<string> {
  for (const name of readdirSync(directory, { recursive: true }) as string[]) {
    const path = join(directory, name);
    if (statSync(path).isFile()) yield path;
  }
}

test("a command gets its secret, and nothing that stays behind holds it", async () => {
  const script = `
    echo "token is $TOKEN"; printf %s "$TOKEN" | base64 >&2; echo "last $TOKEN"
    echo "found=$TOKEN" >> $ORCHESTRATOR_OUTPUT; test ${"$"}{#TOKEN} = ${VALUE.length}`;
  const { manifest, bundle, state } = await run(withSecrets({ "the-token": VALUE }), script, { TOKEN: "the-token" });
  expect(manifest.result, manifest.message).toBe("succeeded");
  expect(bundle.read("cmd-000.stdout.log")).toBe("token is ***\nlast ***\n");
  expect(bundle.read("cmd-000.stderr.log")).toMatch(/^\*\*\*.?=*\n$/);
  expect(manifest.outputs).toEqual({ found: "***" });
  expect(manifest.commands[0]).toMatchObject({ secrets: { TOKEN: "the-token" }, redactions: 3 });
  expect(manifest.commands[0]!.env_names).toContain("TOKEN");
  for (const path of filesIn(state)) {
    if (!path.startsWith(join(state, "secrets"))) expect(readFileSync(path, "latin1"), path).not.toContain(VALUE);
  }
});

test("what it writes can be followed while it runs, a secret that comes in two pieces included", async () => {
  const place = withSecrets({ token: VALUE });
  const scene = stage({ place });
  const script = `echo begun; printf 'x ${VALUE.slice(0, 9)}'; while [ ! -e go ]; do sleep 0.01; done; printf '${VALUE.slice(9)} y'`;
  const [grant] = scene.daemon.queue({ exec: { commands: [shell(script, { secrets: { TOKEN: "token" } })] } });
  const log = join(place.state, "runs", grant!.run_id, "stage", `.tmp-${grant!.exec_id}`, "cmd-000.stdout.log");
  const seen = (): string => {
    try {
      return readFileSync(log, "utf8");
    } catch {
      return "";
    }
  };
  await expect.poll(seen).toBe("begun\nx ");
  writeFileSync(join(place.workspace, "go"), "");
  await scene.daemon.until(() => scene.daemon.reportOf(grant!.exec_id) !== undefined);
  const manifest = scene.daemon.manifestOf(grant!.exec_id);
  expect(readBundle(place.state, manifest).read("cmd-000.stdout.log")).toBe("begun\nx *** y");
});

test("more output than is taken over in one turn comes whole", async () => {
  const script = `i=0; while [ $i -lt 200 ]; do head -c 20000 /dev/zero | tr '\\0' x; echo "$TOKEN"; i=$((i+1)); done`;
  const { bundle, manifest } = await run(withSecrets({ token: VALUE }), script, { TOKEN: "token" });
  expect(bundle.read("cmd-000.stdout.log")).toBe(`${"x".repeat(20_000)}***\n`.repeat(200));
  expect(manifest.commands[0]!.redactions).toBe(200);
});

test.each([
  ["that is not there", {}, "missing", /no secret `missing`; `orchestrator secret set missing`/],
  ["that is too short to be masked", { short: "1234567" }, "short", /7 bytes, and so few cannot be masked/],
  ["with a NUL", { nul: Buffer.from("1234\0" + "5678") }, "nul", /holds a NUL/],
  [
    "that is no text",
    { raw: Buffer.from("ff00ff11ff22ff33ff44", "hex").map((b) => b || 1) },
    "raw",
    /not text in UTF-8/,
  ],
  ["by a name that is a path", {}, "../tokens/agent", /no name of a secret/],
] as const)("a secret %s is refused, and nothing runs", async (_, secrets, name, message) => {
  const { manifest, workspace } = await run(withSecrets(secrets), "touch ran", { TOKEN: name });
  expect(manifest).toMatchObject({ result: "failed", reason: "denied" });
  expect(manifest.message).toMatch(message);
  expect(readdirSync(workspace)).toEqual([]);
});

test("a proposer's secret waits for a person", async () => {
  const scene = stage({ place: withSecrets({ token: VALUE }) });
  const commands = [command(["true"], { secrets: { TOKEN: "token" } })];
  const [grant] = scene.daemon.queue({ role: "proposer", exec: { commands } });
  await scene.daemon.until(() => scene.daemon.reportOf(grant!.exec_id) !== undefined);
  const manifest = scene.daemon.manifestOf(grant!.exec_id);
  expect(manifest).toMatchObject({ result: "failed", reason: "denied" });
  expect(manifest.message).toContain("needs an approval");
});
