// Peers: programs that others have written for the same work, where this machine has them. Each is one file in peers/.
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const directory = join(dirname(fileURLToPath(import.meta.url)), "..", "peers");

/** `peers_dir`: where `npm install` was run for those that come from npm. */
export async function findPeers(peers_dir) {
  const found = [];
  const missing = [];
  for (const file of readdirSync(directory)
    .filter((name) => name.endsWith(".mjs"))
    .sort()) {
    const { findPeer, name } = await import(pathToFileURL(join(directory, file)).href);
    try {
      found.push({ name, ...(await findPeer(peers_dir)) });
    } catch (error) {
      missing.push({ name, reason: error.message.split("\n")[0] });
    }
  }
  return { found, missing };
}

/** What the peers of one kind take for the same work, as values of a round. One that fails is out, by name. */
export async function askPeers(bench, kind, measure) {
  const values = {};
  for (const peer of bench.peers.filter((candidate) => candidate.kind === kind)) {
    try {
      for (const [key, value] of Object.entries(await measure(peer))) values[`peer ${peer.name} ${key}`] = value;
    } catch (error) {
      bench.peers = bench.peers.filter((other) => other !== peer);
      console.error(`peer ${peer.name} failed and is left out from here on: ${error.message}`);
    }
  }
  return values;
}
