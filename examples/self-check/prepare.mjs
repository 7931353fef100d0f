// An empty directory for what the other stages write, ignored by git.
import { existsSync, mkdirSync, rmSync } from "node:fs";

if (!existsSync("packages/core/package.json") || !existsSync("node_modules")) {
  console.error("run this from the root of the repository, after npm ci");
  process.exit(1);
}
rmSync(".orchestrator-out", { recursive: true, force: true });
mkdirSync(".orchestrator-out/packs", { recursive: true });
console.log(`node ${process.version}, ${process.platform}-${process.arch}, in ${process.cwd()}`);
