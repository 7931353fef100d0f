import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

export const name = "snakemake";

export function findPeer() {
  const version = execFileSync("snakemake", ["--version"], { encoding: "utf8" }).trim();
  return {
    version,
    kind: "stages",
    prepare(graph, directory) {
      const list = (numbers) => numbers.map((r) => `"s${r}"`).join(", ");
      const rules = graph.map(
        (requires, i) =>
          `rule s${i}:\n  input: ${list(requires)}\n  output: touch("s${i}")\n  shell: "/bin/true >s${i}.out 2>s${i}.err"\n`,
      );
      writeFileSync(
        join(directory, "Snakefile"),
        `rule all:\n  input: ${list([...graph.keys()])}\n\n${rules.join("\n")}`,
      );
    },
    command: (slots) => ({ file: "snakemake", args: ["--cores", String(slots), "--quiet"] }),
  };
}
