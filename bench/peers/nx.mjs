import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lend, versionOf } from "../parts/npm-peer.mjs";

export const name = "nx";

export function findPeer(peers_dir) {
  const version = versionOf(peers_dir, "nx");
  return {
    version,
    kind: "stages",
    prepare(graph, directory) {
      lend(peers_dir, directory);
      writeFileSync(join(directory, "package.json"), JSON.stringify({ name: "bench", private: true }));
      writeFileSync(join(directory, "nx.json"), JSON.stringify({ analytics: false }));
      for (const [i, requires] of graph.entries()) {
        mkdirSync(join(directory, `s${i}`));
        const dependsOn = requires.length === 0 ? [] : [{ projects: requires.map((r) => `s${r}`), target: "stage" }];
        const stage = { executor: "nx:run-commands", options: { command: "/bin/true" }, dependsOn };
        writeFileSync(join(directory, `s${i}`, "project.json"), JSON.stringify({ name: `s${i}`, targets: { stage } }));
      }
    },
    command: (slots, directory) => ({
      file: process.execPath,
      args: [
        join(directory, "node_modules/nx/dist/bin/nx.js"),
        "run-many",
        "--target=stage",
        `--parallel=${slots}`,
        "--outputStyle=static",
        "--skip-nx-cache",
      ],
      env: { ...process.env, NX_DAEMON: "false", NX_NO_CLOUD: "true", NX_WORKSPACE_ROOT_PATH: directory, CI: "1" },
    }),
  };
}
