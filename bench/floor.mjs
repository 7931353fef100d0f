// The floor: what any program must do for N stages with logs, manifest and syncs, and nothing more. At most 30 lines.
// node floor.mjs STAGES.json SLOTS DIRECTORY prints the milliseconds that it took.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
const [file, slots, directory] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const { stages } = JSON.parse(fs.readFileSync(file, "utf8"));
const left = new Map(Object.entries(stages).map(([id, { requires = [] }]) => [id, requires.length]));
const dependents = new Map([...left.keys()].map((id) => [id, []]));
for (const [id, { requires = [] }] of Object.entries(stages)) for (const r of requires) dependents.get(r).push(id);
const ready = [...left].filter(([, count]) => count === 0).map(([id]) => id);
const sync = (path) => { const fd = fs.openSync(path, "r"); fs.fsyncSync(fd); fs.closeSync(fd); };
async function run(id) {
  const [stage, temporary] = [join(directory, id), join(directory, id, ".tmp")];
  fs.mkdirSync(temporary, { recursive: true });
  const logs = ["out.log", "err.log"].map((name) => [name, fs.openSync(join(temporary, name), "ax+")]);
  const code = await new Promise((done) => spawn("/bin/true", [], { stdio: ["ignore", logs[0][1], logs[1][1]], detached: true }).on("exit", done));
  const files = logs.map(([name, fd]) => {
    const bytes = fs.readFileSync(join(temporary, name)); fs.fsyncSync(fd); fs.closeSync(fd);
    return { name, size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
  });
  fs.writeFileSync(join(temporary, "manifest.json"), JSON.stringify({ id, code, files }), { flush: true });
  sync(temporary); fs.renameSync(temporary, join(stage, "exec")); sync(stage);
  for (const next of dependents.get(id)) { left.set(next, left.get(next) - 1); if (left.get(next) === 0) ready.push(next); }
}
const begun = performance.now();
await new Promise((done) => { let running = 0; const more = () => { while (running < slots && ready.length > 0) { running++; void run(ready.shift()).then(() => { running--; more(); }); } if (running === 0) done(); }; more(); });
console.log(performance.now() - begun);
