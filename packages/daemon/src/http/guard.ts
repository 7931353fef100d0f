import type { FastifyRequest } from "fastify";
import { ProblemError, type Role, type Route } from "orchestrator-core";
import { makeBuckets, type Rate } from "./buckets.ts";
import type { Names } from "./names.ts";
import type { Principal, Tokens } from "./tokens.ts";

/**
 * What every request passes before anything of it but its head is read: ordinary answers, event streams and downloads
 * alike. In this order:
 *
 * 1. It is addressed to us, by an exact name and our port (421), and no web page of somebody else sent it (403).
 * 2. Its route exists (404) and is open, or its token is known (401) and has one of the route's roles (403).
 * 3. What changes something says that its body is JSON (415): a form of a web page cannot.
 * 4. It does not come too often (429). Agents' requests are never counted: thousands a second are in order.
 *
 * Throws what it refuses, and leaves in `request.principal` who asks, as soon as it knows.
 */
export type Guard = (request: FastifyRequest, route: Route | null) => void;

/** Of one address: guesses at tokens. */
const REFUSED: Rate = { burst: 200, per_s: 20 };
/** Of one token: what changes something. A proposer is a script that may have run wild. */
const CHANGES: Rate = { burst: 5_000, per_s: 1_000 };
const PROPOSALS: Rate = { burst: 500, per_s: 50 };

export function makeGuard(tokens: Tokens, names: Names, now: () => number): Guard {
  const mayFail = makeBuckets(REFUSED, now);
  const mayChange = makeBuckets(CHANGES, now);
  const mayPropose = makeBuckets(PROPOSALS, now);

  return (request, route) => {
    checkAddress(request, names);
    if (route === null) {
      throw new ProblemError({ code: "route-unknown", message: "there is no such route", hint: "see /openapi.json" });
    }
    const principal = tokens.find(request.headers.authorization);
    request.principal = principal;
    if (route.roles !== null) {
      if (principal === null) {
        if (!mayFail(request.ip)) throw tooMany("without a valid token");
        throw new ProblemError({
          code: "unauthorized",
          message: "the request has no valid bearer token",
          hint: "the tokens are in the state directory, under tokens/",
        });
      }
      checkRole(principal.actor.role, route.roles);
    }
    if (route.method !== "POST") return;
    if (!/^application\/json *(;|$)/i.test(request.headers["content-type"] ?? "")) {
      throw new ProblemError({
        code: "media-type-unknown",
        message: "the request does not say that its body is JSON",
        hint: "send `Content-Type: application/json`",
      });
    }
    if (principal !== null && principal.actor.role !== "agent") {
      const { role, name } = principal.actor;
      const inTime = role === "proposer" ? mayPropose : mayChange;
      if (!inTime(`${role}.${name}`)) throw tooMany(`of the ${role} ${name}`);
    }
  };
}

function checkAddress({ raw, headers }: FastifyRequest, names: Names): void {
  const port = raw.socket.localPort ?? 0;
  const { host, origin } = headers;
  // an absolute URL names a host of its own
  if (!names.mayBe(host, port) || raw.url?.startsWith("/") !== true) {
    throw new ProblemError({
      code: "host-unknown",
      message: `the request is addressed to ${JSON.stringify(host ?? "")}, which is no name of this daemon`,
      hint: "use the address in daemon.json, or a name that stands in its certificate",
    });
  }
  const site = headers["sec-fetch-site"];
  const foreign = origin !== undefined && !names.isOurOrigin(origin, port);
  if (foreign || (site !== undefined && site !== "same-origin" && site !== "none")) {
    throw new ProblemError({
      code: "origin-foreign",
      message: `a web page of ${foreign ? JSON.stringify(origin) : "another site"} sent this request`,
      hint: "this API is not for other people's web pages",
    });
  }
}

function checkRole(role: Role, allowed: readonly Role[]): void {
  if (allowed.includes(role)) return;
  throw new ProblemError({
    code: "forbidden",
    message: `a token of role ${role} may not do this; it takes ${allowed.join(" or ")}`,
  });
}

/** A token that was made for one agent speaks for that one alone. */
export function checkAgent({ agent_id }: Principal, body: unknown): void {
  const said = (body as { readonly agent_id?: unknown } | null)?.agent_id;
  if (agent_id === null || said === agent_id) return;
  throw new ProblemError({
    code: "forbidden",
    message: `this token was made for the agent ${agent_id}, and the request speaks for ${JSON.stringify(said)}`,
    hint: `start the agent with --agent-id ${agent_id}`,
  });
}

const tooMany = (what: string): ProblemError =>
  new ProblemError({
    code: "too-many-requests",
    message: `there were too many requests ${what} in the last seconds`,
    hint: "wait a second before the next one",
  });
