/** Between the look at a program and its start somebody puts another file in its place. */
import { chmodSync, copyFileSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { KEEPER, keptProcesses, type Ports } from "../../src/index.ts";
import { makePlace, readBundle, stage } from "../fixtures.ts";
import { command } from "../scripted-daemon.ts";

type Make = (path: string) => void;
const script: Make = (path) =>
  writeFileSync(path, "#!/usr/bin/env node\nconsole.log(process.argv[2])\n", { mode: 0o755 });
const elf: Make = (path) => copyFileSync("/usr/bin/echo", path);

async function runTool(make: Make, meanwhile: (tool: string) => void) {
  const place = makePlace();
  const tool = join(place.workspace, "tool");
  make(tool);
  const ports = ({ processes }: Ports): Partial<Ports> => ({
    processes: {
      ...processes,
      start(start) {
        meanwhile(tool);
        return processes.start(start);
      },
    },
  });
  const { daemon, state } = stage({ place, ports });
  const [grant] = daemon.queue({ exec: { commands: [command(["./tool", "hello"])] } });
  await daemon.until(() => daemon.reportOf(grant!.exec_id) !== undefined);
  const manifest = daemon.manifestOf(grant!.exec_id);
  return { manifest, out: () => readBundle(state, manifest).read("cmd-000.stdout.log") };
}

describe.skipIf(keptProcesses(KEEPER) === null)("a program of the workspace", () => {
  test.each([
    ["script", script],
    ["binary", elf],
  ])("that is a %s is started when it is what was judged", async (_, make) => {
    const { manifest, out } = await runTool(make, () => undefined);
    expect(manifest.result, manifest.message).toBe("succeeded");
    expect(out()).toBe("hello\n");
  });

  const changes: [string, (tool: string) => void][] = [
    ["is another file by now", (tool) => (copyFileSync(tool, `${tool}.new`), renameSync(`${tool}.new`, tool))],
    ["has another content by now", (tool) => writeFileSync(tool, "#!/usr/bin/env node\n")],
    ["has another content of the same length and time", (tool) => (chmodSync(tool, 0o755), utimesSync(tool, 1, 1))],
  ];
  for (const [kind, make] of [
    ["script", script],
    ["binary", elf],
  ] as const)
    test.each(changes)(`that is a ${kind} and %s is not started`, async (_, change) => {
      const { manifest, out } = await runTool(make, change);
      expect(manifest).toMatchObject({ result: "failed", reason: "denied" });
      expect(manifest.message).toContain("another file has taken the place of the one that was judged");
      expect(manifest.commands[0]!.exit).toBeNull();
      expect(out()).toBe("");
    });
});
