// Looks into the packed files: what package.json promises must be there, and nothing that does not belong.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { inputs, output } from "./output.mjs";

/** The regular files of a tar archive (POSIX ustar), by name. */
function readTar(bytes) {
  const files = new Map();
  const text = (from, length) => bytes.toString("utf8", from, from + length).replace(/\0.*$/s, "");
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12).trim() || "0", 8);
    const prefix = text(at + 345, 155);
    const type = text(at + 156, 1);
    if (type === "0" || type === "") {
      const name = prefix === "" ? text(at, 100) : `${prefix}/${text(at, 100)}`;
      files.set(name.replace(/^package\//, ""), bytes.subarray(at + 512, at + 512 + size));
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

let checked = 0;
let bytes = 0;
const faults = [];
for (const [stage_id, pack] of Object.entries(inputs())) {
  const files = readTar(gunzipSync(readFileSync(`.orchestrator-out/packs/${pack.tarball}`)));
  const manifest = JSON.parse(files.get("package.json").toString());
  const promised = [
    ...Object.values(manifest.bin ?? {}),
    ...Object.values(manifest.exports ?? {}).flatMap((entry) =>
      typeof entry === "string" ? [entry] : [entry.types, entry.default],
    ),
  ].map((path) => path.replace(/^\.\//, ""));
  for (const path of promised) if (!files.has(path)) faults.push(`${stage_id}: ${path} is promised and not packed`);
  for (const path of files.keys()) {
    if (/^(src|test|node_modules)\/|(^|\/)\.env|\.tsbuildinfo$/.test(path))
      faults.push(`${stage_id}: ${path} should not be packed`);
  }
  if (files.size !== Number(pack.entries)) faults.push(`${stage_id}: ${files.size} files, npm said ${pack.entries}`);
  console.log(`${pack.tarball}: ${files.size} files, ${promised.length} promised ones are there`);
  checked += 1;
  bytes += Number(pack.bytes);
}
for (const fault of faults) console.error(fault);
if (faults.length > 0 || checked === 0) process.exit(1);
output({ packs: checked, bytes });
