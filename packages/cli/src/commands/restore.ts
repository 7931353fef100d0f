import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { ExitName } from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";
import { CommandError } from "../errors.ts";
import { plural } from "../render/text.ts";

/** Makes the store of a state directory that has none from a backup. */
export async function restore(context: Context, file: string): Promise<ExitName> {
  const path = resolve(context.cwd, file);
  if (!existsSync(path)) throw new CommandError("not_found", `there is no file ${file}`);
  const { restoreBackup } = await import("orchestrator-daemon/backup-restore");
  const { header, counts, missing_commits } = await restoreBackup(path, context.state);
  if (context.json) {
    emitJson(context, {
      state: context.state,
      commit: header.commit,
      made_at: header.made_at,
      counts,
      missing_commits,
    });
    return "ok";
  }
  context.io.out(
    `${context.state_shown}: ${plural(counts.run, "run")}, ${plural(counts.events, "event")}, ` +
      `as they stood at commit ${header.commit}, ${header.made_at}\n`,
  );
  if (missing_commits > 0) {
    context.io.err(
      `the store that was here had gone on: its last ${plural(missing_commits, "commit")} are not in this backup\n`,
    );
  }
  context.io.err(`bundles are not in a backup: those in ${context.state_shown}/runs are as they were\n`);
  context.io.err(`go on with: ${context.commandLine("up")}\n`);
  return "ok";
}
