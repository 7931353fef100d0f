import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { lend, versionOf } from "../parts/npm-peer.mjs";

export const name = "wireit";

export function findPeer(peers_dir) {
  const version = versionOf(peers_dir, "wireit");
  return {
    version,
    kind: "stages",
    prepare(graph, directory) {
      lend(peers_dir, directory);
      const scripts = { all: "wireit" };
      const wireit = { all: { dependencies: graph.map((_, i) => `s${i}`) } };
      for (const [i, requires] of graph.entries()) {
        scripts[`s${i}`] = "wireit";
        wireit[`s${i}`] = { command: "/bin/true", dependencies: requires.map((r) => `s${r}`) };
      }
      writeFileSync(join(directory, "package.json"), JSON.stringify({ private: true, scripts, wireit }));
    },
    command: (slots) => ({
      file: "npm",
      args: ["run", "--silent", "all"],
      env: { ...process.env, WIREIT_PARALLEL: String(slots), WIREIT_LOGGER: "simple" },
    }),
  };
}
