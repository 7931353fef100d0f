import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

export const name = "make with logs";

export function findPeer() {
  const version = execFileSync("make", ["--version"], { encoding: "utf8" }).split("\n")[0];
  return {
    version,
    kind: "stages",
    prepare(graph, directory) {
      const rules = graph.map(
        (requires, i) => `s${i}: ${requires.map((r) => `s${r}`).join(" ")}\n\t@/bin/true >$@.out 2>$@.err && : >$@\n`,
      );
      writeFileSync(
        join(directory, "Makefile"),
        `all: ${graph.map((_, i) => `s${i}`).join(" ")}\n\n${rules.join("\n")}`,
      );
    },
    command: (slots) => ({ file: "make", args: ["-s", "-j", String(slots), "all"] }),
  };
}
