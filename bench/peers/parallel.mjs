import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

export const name = "GNU parallel with results";

export function findPeer() {
  const version = execFileSync("parallel", ["--version"], { encoding: "utf8" }).split("\n")[0];
  return {
    version,
    kind: "stages",
    /** It knows no requirements. */
    fits: (graph) => graph.every((requires) => requires.length === 0),
    prepare(graph, directory) {
      writeFileSync(join(directory, "names"), graph.map((_, i) => `s${i}\n`).join(""));
    },
    command: (slots) => ({
      file: "parallel",
      args: ["--will-cite", "-j", String(slots), "--results", "logs", "-a", "names", "/bin/true"],
    }),
  };
}
