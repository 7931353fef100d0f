import { createHash, timingSafeEqual } from "node:crypto";
import { type Actor, ProblemError, type Role, roles } from "orchestrator-core";
import { readToken } from "../state.ts";

/** Who a bearer token speaks for. Tokens are compared as digests, in constant time. */
export function makeAuthenticator(state: string): (authorization: string | undefined) => Actor | null {
  const known = roles.map((role) => ({ role, digest: digest(readToken(state, role)) }));
  return (authorization) => {
    const token = /^Bearer ([A-Za-z0-9_-]{20,200})$/.exec(authorization ?? "")?.[1];
    if (token === undefined) return null;
    const given = digest(token);
    let found: Role | null = null;
    for (const { role, digest: wanted } of known) if (timingSafeEqual(given, wanted)) found = role;
    return found === null ? null : { role: found, name: found };
  };
}

const digest = (token: string): Buffer => createHash("sha256").update(token).digest();

export function authorize(actor: Actor | null, allowed: readonly Role[] | null): void {
  if (allowed === null) return;
  if (actor === null) {
    throw new ProblemError({
      code: "unauthorized",
      message: "the request has no valid bearer token",
      hint: "the tokens are in the state directory, under tokens/",
    });
  }
  if (!allowed.includes(actor.role)) {
    throw new ProblemError({
      code: "forbidden",
      message: `a token of role ${actor.role} may not do this; it takes ${allowed.join(" or ")}`,
    });
  }
}
