import { type ExitName, version as ourVersion } from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";

/** The version of this command, and of what it runs on. */
export function version(context: Context): Promise<ExitName> {
  const facts = { version: ourVersion, node: process.versions.node, platform: `${process.platform}-${process.arch}` };
  if (context.json) emitJson(context, facts);
  else context.io.out(`orchestrator ${facts.version} (node ${facts.node}, ${facts.platform})\n`);
  return Promise.resolve("ok");
}
