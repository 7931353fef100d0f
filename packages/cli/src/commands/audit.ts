import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ExitName } from "orchestrator-core";
import { type Head, verifyAudit } from "orchestrator-daemon/audit";
import { type Context, emitJson } from "../context.ts";
import { problemError, usageError } from "../errors.ts";
import { paintStatus } from "../render/style.ts";
import { plural } from "../render/text.ts";

/** Checks the audit log, entry by entry; works without a daemon. */
export async function verify(context: Context, { head }: { head?: string }): Promise<ExitName> {
  const directory = join(context.state, "audit");
  if (!existsSync(directory)) {
    throw problemError("file-unknown", `there is no audit log in ${context.state_shown}/audit`);
  }
  const report = verifyAudit(directory, head === undefined ? null : readHead(head));
  const { entries, sealed, findings } = report;
  const worst = findings.some(({ status }) => status === "tampered")
    ? "tampered"
    : findings.length > 0
      ? "incomplete"
      : "intact";
  if (context.json) emitJson(context, { status: worst, ...report });
  else {
    for (const { status, file, line, message } of findings) {
      const place = file === "" ? "" : `${context.state_shown}/audit/${file}:${line}: `;
      context.io.out(`${paintStatus(context.out_style, status)} ${place}${message}\n`);
    }
    const seals = sealed === 0 ? "" : `, ${plural(sealed, "end")} torn by a crash and sealed`;
    context.io.out(`${paintStatus(context.out_style, worst)}: ${plural(entries, "entry", "entries")}${seals}\n`);
    context.io.out(`head ${report.head.seq}:${report.head.hash}\n`);
  }
  return worst === "intact" ? "ok" : worst;
}

function readHead(text: string): Head {
  const match = /^([0-9]{1,15}):([0-9a-f]{64})$/.exec(text);
  if (match === null) throw usageError("--head takes SEQ:HASH, as `audit verify` prints it");
  return { seq: Number(match[1]), hash: match[2]! };
}
