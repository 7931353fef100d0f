// Packs what `tsc -b` has built: each package's own modules, and the libraries beneath them, into a few files that its
// programs start from. Loading several hundred modules one by one costs a command more than all else that it does.
// What is imported as a library (tests, the simulator) stays as it was built, module by module.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";

const root = join(import.meta.dirname, "..");
const packages = {
  core: ["index"],
  agent: ["index", "main"],
  daemon: ["index", "main", "state", "audit/index"],
  cli: ["main"],
};
/** Never loaded where one gives Fastify other compilers, as the daemon does. */
const unused = /^@fastify\/(ajv|fast-json-stringify)-compiler$/;
/** Packages of ours are packed each by itself, so that a process has one of each. The database's are natively one. */
const ours = /^orchestrator-(core|agent|daemon)(\/\w+)?$/;
const database = /^(surrealdb|@surrealdb\/node)$/;

for (const [name, entries] of Object.entries(packages)) {
  const dist = join(root, "packages", name, "dist");
  const packed = join(dist, "packed");
  const bundle = await rolldown({
    input: Object.fromEntries(entries.map((entry) => [entry.replace("/index", ""), join(dist, `${entry}.js`)])),
    external: (id) => ours.test(id) || database.test(id) || unused.test(id),
    platform: "node",
    resolve: { alias: { "./sha256.js": join(import.meta.dirname, "native-sha256.mjs") } },
  });
  rmSync(packed, { recursive: true, force: true });
  await bundle.write({
    dir: packed,
    format: "esm",
    paths: (id) => id.replace(ours, (_, which, part = "") => `orchestrator-${which}/packed${part}`),
  });
  await bundle.close();
}
