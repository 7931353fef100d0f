import { readFileSync } from "node:fs";
import type { ExitName } from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";

/** The version of this command, and of what it runs on. */
export function version(context: Context): Promise<ExitName> {
  const file = new URL("../../package.json", import.meta.url);
  const { version: ours } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  const facts = { version: ours, node: process.versions.node, platform: `${process.platform}-${process.arch}` };
  if (context.json) emitJson(context, facts);
  else context.io.out(`orchestrator ${facts.version} (node ${facts.node}, ${facts.platform})\n`);
  return Promise.resolve("ok");
}
