import { assert, err, ok, type Result } from "../result.ts";
import type { ProblemDocument } from "../problem.ts";
import { type Input, type JsonRouteName, type Reply, type Route, type RouteName, routes } from "./contract.ts";

/** One HTTP exchange, as the client needs it. The real one speaks HTTP/1.1, the simulated one calls the daemon. */
export type Transport = (request: HttpRequest) => Promise<HttpReply>;

export interface HttpRequest {
  readonly method: "GET" | "POST";
  /** Path with query, beginning with `/`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** Give up after this long without a whole answer. */
  readonly timeout_ms: number;
}

export interface HttpReply {
  readonly status: number;
  readonly body: string;
}

/** No whole answer came: the request may or may not have been carried out. */
export class NoAnswer extends Error {
  override name = "NoAnswer";
}

export interface CallOptions {
  readonly timeout_ms?: number;
  readonly idempotency_key?: string;
}

/** Typed calls of the contract's JSON routes. Throws `NoAnswer` where the transport does. */
export interface Client {
  call<N extends JsonRouteName>(
    name: N,
    input: Input<N>,
    options?: CallOptions,
  ): Promise<Result<Reply<N>, ProblemDocument>>;
}

const TIMEOUT_MS = 30_000;

export function makeClient(transport: Transport, token: string): Client {
  return {
    async call(name, input, options = {}) {
      const route: Route = routes[name];
      const reply = await transport({
        method: route.method,
        path: pathOf(name, input as Record<string, unknown>),
        headers: {
          authorization: `Bearer ${token}`,
          ...(route.method === "POST" ? { "content-type": "application/json" } : {}),
          ...(options.idempotency_key === undefined ? {} : { "idempotency-key": options.idempotency_key }),
        },
        body: route.method === "POST" ? JSON.stringify((input as { body?: unknown }).body ?? {}) : null,
        timeout_ms: options.timeout_ms ?? TIMEOUT_MS,
      });
      const value: unknown = parse(reply);
      if (reply.status === route.status) return ok(value as Reply<typeof name>);
      return err(value as ProblemDocument);
    },
  };
}

function parse(reply: HttpReply): unknown {
  try {
    return JSON.parse(reply.body);
  } catch {
    throw new NoAnswer(`status ${reply.status} with a body that is not JSON`);
  }
}

/** The path of a call, its parameters filled in and escaped, its query appended. */
export function pathOf(name: RouteName, input: Readonly<Record<string, unknown>>): string {
  const params = (input.params ?? {}) as Readonly<Record<string, string>>;
  const path = routes[name].path.replace(/\{(\w+)\}/g, (_, key: string) => {
    const value = params[key];
    assert(value !== undefined, `route ${name} takes the parameter ${key}`);
    return encodeURIComponent(value);
  });
  const query = Object.entries((input.query ?? {}) as Readonly<Record<string, unknown>>)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(String(value))}`);
  return query.length === 0 ? path : `${path}?${query.join("&")}`;
}
