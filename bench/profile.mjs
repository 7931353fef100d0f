// Where the time went: `node bench/profile.mjs FILE.cpuprofile …` prints, for each, the functions with the most time of
// their own, and how much of the whole was idle. The files come from `npm run bench -- --profile DIR`.
import { readFileSync } from "node:fs";
import { basename } from "node:path";

const SHOWN = 20;

for (const file of process.argv.slice(2)) {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, "utf8"));
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const own = new Map();
  for (const [i, id] of samples.entries()) {
    const name = names.get(id);
    own.set(name, (own.get(name) ?? 0) + timeDeltas[i]);
  }
  const all = [...own.values()].reduce((sum, us) => sum + us, 0);
  const idle = own.get("(idle)") ?? 0;
  own.delete("(idle)");
  console.log(
    `\n${basename(file)}: ${(all / 1e6).toFixed(1)} s, ${((idle / all) * 100).toFixed(0)} % idle; of the rest:`,
  );
  for (const [name, us] of [...own].toSorted((a, b) => b[1] - a[1]).slice(0, SHOWN)) {
    console.log(
      `${((us / (all - idle)) * 100).toFixed(1).padStart(5)} %  ${(us / 1e3).toFixed(0).padStart(6)} ms  ${name}`,
    );
  }
}

function nameOf({ functionName, url, lineNumber }) {
  const place = url === "" ? "" : ` ${url.replace(/^.*\/(?=(?:packages|node_modules)\/)/, "")}:${lineNumber + 1}`;
  return `${functionName === "" ? "(anonymous)" : functionName}${place}`;
}
