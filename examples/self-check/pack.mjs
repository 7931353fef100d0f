// Packs one package as `npm publish` would, without publishing it.
import { execFileSync } from "node:child_process";
import { output } from "./output.mjs";

const args = ["pack", "--json", "--ignore-scripts", "--offline", "--pack-destination", ".orchestrator-out/packs"];
const json = execFileSync("npm", [...args, "--workspace", process.argv[2]], { encoding: "utf8" });
const packed = JSON.parse(json);
// npm 11 gives a list, npm 12 a mapping
const [pack] = Array.isArray(packed) ? packed : Object.values(packed);
output({ tarball: pack.filename, bytes: pack.size, entries: pack.entryCount, sha1: pack.shasum });
