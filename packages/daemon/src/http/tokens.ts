import { createHash, timingSafeEqual } from "node:crypto";
import { statSync } from "node:fs";
import { type Actor, ProblemError, type Role } from "orchestrator-core";
import { readTokens, removeToken, type TokenName, writeToken } from "../state.ts";

/** Who a bearer token speaks for. */
export interface Principal {
  readonly actor: Actor;
  /** The one agent that it may speak for; null where it is no agent's, or every local agent's. */
  readonly agent_id: string | null;
}

/**
 * The tokens of a state directory. Its files are the truth: what is made or removed there counts within a quarter of a
 * second. Tokens are kept and compared as digests, in constant time.
 */
export interface Tokens {
  find(authorization: string | undefined): Principal | null;
  list(): readonly TokenName[];
  /** The new token, to be shown once. */
  create(role: Role, name: string): string;
  revoke(role: Role, name: string): void;
}

interface Known {
  readonly digest: Buffer;
  readonly principal: Principal;
}

const LOOK_AGAIN_MS = 250;
/** File systems count time in ticks: what was changed in the present one may change again unseen. */
const TICK_MS = 50;

/** `onChange` hears of tokens that came or went without us. */
export function makeTokens(
  state: string,
  onChange: (change: "token_found" | "token_gone", token: TokenName) => void,
): Tokens {
  let known = new Map<string, Known>();
  let seen_ms: number | null = null;
  let looked = Number.NEGATIVE_INFINITY;

  const read = (): Map<string, Known> =>
    new Map(
      readTokens(state).map(({ role, name, token }) => [
        keyOf({ role, name }),
        {
          digest: digest(token),
          principal: { actor: { role, name: name ?? role }, agent_id: role === "agent" ? name : null },
        },
      ]),
    );

  function refresh(): void {
    if (performance.now() - looked < LOOK_AGAIN_MS) return;
    looked = performance.now();
    const mtimeMs = statSync(`${state}/tokens`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (mtimeMs === seen_ms) return;
    seen_ms = Date.now() - mtimeMs < TICK_MS ? null : mtimeMs;
    const before = known;
    known = read();
    for (const [key, { digest: now }] of known) {
      if (before.get(key)?.digest.equals(now) !== true) onChange("token_found", nameOf(key));
    }
    for (const key of before.keys()) if (!known.has(key)) onChange("token_gone", nameOf(key));
  }

  known = read();
  return {
    find(authorization) {
      refresh();
      const token = /^Bearer ([A-Za-z0-9_-]{20,200})$/.exec(authorization ?? "")?.[1];
      if (token === undefined) return null;
      const given = digest(token);
      let found: Principal | null = null;
      for (const one of known.values()) if (timingSafeEqual(given, one.digest)) found = one.principal;
      return found;
    },
    list: () => [...known.keys()].map(nameOf),
    create(role, name) {
      const token = writeToken(state, role, name);
      if (token === null) {
        throw new ProblemError({
          code: "token-exists",
          message: `there is a token of the ${role} ${name} already`,
          hint: "revoke it first, or take another name",
        });
      }
      known = read();
      return token;
    },
    revoke(role, name) {
      if (!removeToken(state, role, name)) {
        throw new ProblemError({ code: "token-unknown", message: `there is no token of a ${role} named ${name}` });
      }
      known = read();
    },
  };
}

const digest = (token: string): Buffer => createHash("sha256").update(token).digest();
const keyOf = ({ role, name }: TokenName): string => (name === null ? role : `${role}.${name}`);
function nameOf(key: string): TokenName {
  const dot = key.indexOf(".");
  return dot < 0 ? { role: key as Role, name: null } : { role: key.slice(0, dot) as Role, name: key.slice(dot + 1) };
}
