import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { type ExitName, NoAnswer } from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";
import { withDaemon } from "../daemon/attach.ts";
import { noAnswer } from "../daemon/http.ts";
import type { Link } from "../daemon/link.ts";
import { CommandError } from "../errors.ts";
import { plural } from "../render/text.ts";

/**
 * Writes everything durable but the bundles into one new file, while the daemon goes on or without one. The file
 * appears under its name only once it was read back and found whole.
 */
export const backup = (context: Context, file: string): Promise<ExitName> =>
  withDaemon<ExitName>(context, async ({ link }) => {
    const path = resolve(context.cwd, file);
    if (existsSync(path)) throw exists(file);
    const { checkBackup } = await import("orchestrator-daemon/backup-restore");
    const part = `${path}.${process.pid}.part`;
    try {
      await receive(link, part);
      const { header, counts } = await checkBackup(part);
      // a link, since a rename would replace what came there meanwhile
      linkSync(part, path);
      if (context.json) emitJson(context, { file: path, commit: header.commit, counts });
      else {
        context.io.out(
          `${file}: ${plural(counts.run, "run")}, ${plural(counts.events, "event")}, up to commit ${header.commit}\n`,
        );
        context.io.err(`bundles are not in it: they are plain files in ${context.state_shown}/runs\n`);
      }
      return "ok";
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") throw exists(file);
      throw error;
    } finally {
      rmSync(part, { force: true });
    }
  });

const exists = (file: string): CommandError =>
  new CommandError("conflict", `there is a file ${file} already`, "a backup overwrites nothing: give another name");

/** It holds what commands were given, secrets in their environment among it: for its owner only. */
async function receive(link: Link, path: string): Promise<void> {
  const out = openSync(path, "wx", 0o600);
  try {
    const body = await link.stream("backup", {});
    try {
      for await (const chunk of body) writeFileSync(out, chunk as Buffer);
    } catch (error) {
      // of our own disk, or of the connection
      throw (error as NodeJS.ErrnoException).syscall === "write" ? error : noAnswer(error);
    }
    if (!body.complete) throw new NoAnswer("the backup was cut off");
    fsyncSync(out);
  } finally {
    closeSync(out);
  }
}
