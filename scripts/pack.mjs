// Packs what `tsc -b` has built: each package's own modules, and the libraries beneath them, into a few files that its
// programs start from. Loading several hundred modules one by one costs a command more than all else that it does.
// What is imported as a library (tests, the simulator) stays as it was built, module by module.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rolldown } from "rolldown";

const root = join(import.meta.dirname, "..");
const packages = {
  core: ["index"],
  agent: ["index", "main"],
  daemon: ["index", "main", "state", "audit/index", "backup-restore"],
  cli: ["main"],
};
/** Never loaded where one gives Fastify other compilers, as the daemon does, and injects no requests. */
const unused = /^(@fastify\/(ajv|fast-json-stringify)-compiler|light-my-request)$/;
/** Packages of ours are packed each by itself, so that a process has one of each. */
const ours = /^orchestrator-(core|agent|daemon)(\/[\w-]+)?$/;

/** The database's native module stays where it is, and is found from the daemon's package. */
const database = {
  name: "database",
  transform(code, id) {
    if (!id.endsWith("/@surrealdb/node/dist/surrealdb-node.mjs")) return null;
    const place = "createRequire(import.meta.url)";
    if (code.split(place).length !== 2) throw new Error(`${id} finds its native module in another way than it did`);
    return `import { existsSync } from "node:fs";
      ${code.replace(
        place,
        `createRequire(createRequire(import.meta.url).resolve.paths("@surrealdb/node")
          .map((dir) => dir + "/@surrealdb/node/dist/surrealdb-node.mjs").find((file) => existsSync(file)))`,
      )}`;
  },
};

for (const [name, entries] of Object.entries(packages)) {
  const dist = join(root, "packages", name, "dist");
  const packed = join(dist, "packed");
  const bundle = await rolldown({
    input: Object.fromEntries(entries.map((entry) => [entry.replace("/index", ""), join(dist, `${entry}.js`)])),
    external: (id) => ours.test(id) || unused.test(id),
    platform: "node",
    plugins: [database],
    resolve: { alias: { "./sha256.js": join(import.meta.dirname, "native-sha256.mjs") } },
  });
  rmSync(packed, { recursive: true, force: true });
  await bundle.write({
    dir: packed,
    format: "cjs",
    dynamicImportInCjs: false,
    comments: { annotation: false, jsdoc: false },
    entryFileNames: "[name].cjs",
    chunkFileNames: "[name]-[hash].cjs",
    paths: (id) => id.replace(ours, (_, which, part = "") => `orchestrator-${which}/packed${part}`),
  });
  await bundle.close();
  copyFileSync(join(import.meta.dirname, "packed-start.cjs"), join(packed, "start.cjs"));
}
keepCode();

/** Lets V8 keep the code of what it compiles for one small run, so that no program compiles it again (decision 12). */
function keepCode() {
  const place = mkdtempSync(join(tmpdir(), "orchestrator-pack-"));
  const workflow = join(place, "workflow.yaml");
  writeFileSync(workflow, "name: pack\nstages:\n  stage: { exec: [['true']] }\n");
  const program = join(root, "packages/cli/bin/orchestrator.cjs");
  // nobody's daemon or state directory but its own; quoted, since Node parts the options at blanks
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("ORCHESTRATOR_"));
  const NODE_OPTIONS = `--require=${JSON.stringify(join(import.meta.dirname, "keep-code.cjs"))}`;
  const env = { ...Object.fromEntries(own), NODE_OPTIONS };
  // the command and its agent both keep what they have in common: the second time each adds to what the other has kept
  for (let time = 0; time < 2; time++) {
    const end = spawnSync(process.execPath, [program, "run", workflow], { cwd: place, env, encoding: "utf8" });
    if (end.status !== 0) process.stderr.write(`programs will start slower, since a run failed: ${end.stderr}\n`);
  }
  // bundles are read-only
  spawnSync("chmod", ["-R", "u+w", place]);
  rmSync(place, { recursive: true });
}
