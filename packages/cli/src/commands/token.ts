import { type ExitName, isRole, type Role, roles } from "orchestrator-core";
import { type Context, emitJson } from "../context.ts";
import { withDaemon } from "../daemon/attach.ts";
import { usageError } from "../errors.ts";
import { table } from "../render/table.ts";

/** Makes a token for one person, script or agent, and prints it once. */
export const create = (context: Context, role: string, name: string): Promise<ExitName> =>
  withDaemon<ExitName>(context, async ({ link }) => {
    const made = await link.call("createToken", { body: { role: known(role), name } });
    if (context.json) emitJson(context, made);
    else context.io.out(`${made.token}\n`);
    return "ok";
  });

export const revoke = (context: Context, role: string, name: string): Promise<ExitName> =>
  withDaemon<ExitName>(context, async ({ link }) => {
    const gone = await link.call("revokeToken", { body: { role: known(role), name } });
    if (context.json) emitJson(context, gone);
    else context.io.out(`the token of the ${role} ${name} is revoked\n`);
    return "ok";
  });

export const list = (context: Context): Promise<ExitName> =>
  withDaemon<ExitName>(context, async ({ link }) => {
    const { tokens } = await link.call("listTokens", {});
    if (context.json) emitJson(context, { tokens });
    else {
      const rows = tokens.map(({ role, name }) => [role, name === "" ? "(of this state directory)" : name]);
      context.io.out(`${table([{ title: "ROLE" }, { title: "NAME" }], rows).join("\n")}\n`);
    }
    return "ok";
  });

function known(role: string): Role {
  if (isRole(role)) return role;
  throw usageError(`there is no role \`${role}\``, `roles are ${roles.join(", ")}`);
}
