import { type ExitName, frozenText } from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";
import { withDaemon } from "../daemon/attach.ts";
import type { Link } from "../daemon/link.ts";
import { oneLine } from "../render/text.ts";

/** Stops all leasing, until `unfreeze`. What runs goes on, unless told otherwise. */
export const freeze = (context: Context, { note, cancel }: { note?: string; cancel?: boolean }): Promise<ExitName> =>
  withDaemon<ExitName>(context, async ({ link }) => {
    const body = { ...(note === undefined ? {} : { note }), ...(cancel === undefined ? {} : { cancel }) };
    const reply = await link.call("freeze", { body });
    if (context.json) emitJson(context, reply);
    else {
      context.io.out(`${await frozenLine(context, link)}\n`);
      if (cancel === true) context.io.out("runs with running commands are being cancelled\n");
    }
    return "ok";
  });

export const unfreeze = (context: Context): Promise<ExitName> =>
  withDaemon<ExitName>(context, async ({ link }) => {
    const reply = await link.call("unfreeze", { body: {} });
    if (context.json) emitJson(context, reply);
    else context.io.out("leasing goes on\n");
    return "ok";
  });

/** What people are told while leasing is frozen; null: it is not. */
export async function frozenLine(context: Context, link: Link): Promise<string | null> {
  const { frozen } = await link.call("showFreeze", {});
  if (frozen === null) return null;
  return `${oneLine(frozenText(frozen))}; go on with: ${context.commandLine("unfreeze")}`;
}
