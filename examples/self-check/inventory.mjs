// Counts the source files and lines of each package, and finds what lacks an end of line at its end.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { output } from "./output.mjs";

const ignored = new Set(["node_modules", "dist"]);
function* files(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (ignored.has(entry.name)) continue;
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else if (/\.(ts|js|mjs)$/.test(entry.name)) yield path;
  }
}

let total_files = 0;
let total_lines = 0;
for (const name of readdirSync("packages").sort()) {
  const counts = { src: [0, 0], test: [0, 0], bin: [0, 0] };
  for (const path of files(join("packages", name))) {
    const count = counts[path.split("/")[2]];
    if (count === undefined) continue;
    const text = readFileSync(path, "utf8");
    if (text !== "" && !text.endsWith("\n")) throw new Error(`${path} does not end with an end of line`);
    count[0] += 1;
    count[1] += text.split("\n").length - 1;
  }
  console.log(
    `${name.padEnd(10)} ${Object.entries(counts)
      .map(([part, [n, lines]]) => `${part} ${n} files, ${lines} lines`)
      .join("; ")}`,
  );
  for (const [n, lines] of Object.values(counts)) {
    total_files += n;
    total_lines += lines;
  }
}
output({ files: total_files, lines: total_lines });
