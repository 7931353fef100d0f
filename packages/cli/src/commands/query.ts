import type { ExitName } from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";
import { withDaemon } from "../daemon/attach.ts";

/** Reads the records with SurrealQL, as a user who cannot write. */
export const query = (context: Context, surql: string): Promise<ExitName> =>
  withDaemon<ExitName>(context, async ({ link }) => {
    const { results } = await link.call("query", { body: { surql } }, { timeout_ms: 120_000 });
    // one statement is the usual case, and its rows are what is wanted
    emitJson(context, !context.json && results.length === 1 ? results[0] : results);
    return "ok";
  });
