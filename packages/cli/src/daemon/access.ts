import { readFileSync } from "node:fs";
import type { Trust } from "orchestrator-agent";
import { type Role, type Route, type RouteName, routes } from "orchestrator-core";
import { readToken } from "orchestrator-daemon/state";
import type { Context } from "../context.ts";
import { problemError, usageError } from "../errors.ts";

/** The token that a route is called with. */
export type TokenFor = (name: RouteName) => string;

/**
 * A person with the state directory has every token in it, so each call takes one that is enough for it. A token that was
 * given (`--token-file`, `ORCHESTRATOR_TOKEN`) is used for everything.
 */
export function tokenOf(context: Context): TokenFor {
  const { token_file, token } = context.access;
  const given = token_file === null ? token : readGiven(token_file, "--token-file").trim();
  if (given !== null) return () => given;
  if (context.access.daemon !== null) {
    throw usageError("a daemon elsewhere wants a token", "give --token-file FILE, or set ORCHESTRATOR_TOKEN");
  }
  return (name) => readLocal(context, roleFor(routes[name]));
}

/** Operators do what people do every day; an admin's token is taken for nothing that needs none. */
const roleFor = ({ roles }: Route): Role => (roles === null || roles.includes("operator") ? "operator" : "admin");

function readLocal(context: Context, role: Role): string {
  try {
    return readToken(context.state, role);
  } catch {
    throw problemError(
      "unauthorized",
      `there is no readable ${context.state_shown}/tokens/${role}`,
      "the next start of the daemon makes it; or give another token with --token-file",
    );
  }
}

/** How a daemon elsewhere is known: by authorities that the person names, or those that Node knows. */
export const trustGiven = ({ access: { tls_ca } }: Context): Trust => ({
  kind: "authorities",
  ca: tls_ca === null ? null : readGiven(tls_ca, "--tls-ca"),
});

function readGiven(file: string, option: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw usageError(`${option} ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
