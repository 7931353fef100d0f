import { createServer, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import {
  assert,
  type Input,
  type Problem,
  ProblemError,
  type Route,
  type RouteName,
  routes,
  type TSchema,
} from "orchestrator-core";
import type { Audit } from "../audit/log.ts";
import { makeForm } from "../form.ts";
import type { Owner } from "../owner/owner.ts";
import { auditDenial, auditDone } from "./audit.ts";
import type { Tls } from "../tls.ts";
import { followFile, sendFile } from "./files.ts";
import { checkAgent, makeGuard } from "./guard.ts";
import type { Handlers, RequestContext } from "./handlers.ts";
import { makeNames } from "./names.ts";
import { documentOf, documentOfClientError } from "./problems.ts";
import { streamEvents } from "./streams.ts";
import type { Principal, Tokens } from "./tokens.ts";

declare module "fastify" {
  interface FastifyRequest {
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    /** Which route of the contract it is. None other gets into the router. */
    readonly of?: { readonly name: RouteName; readonly route: Route };
  }
}

const MIB = 1024 * 1024;
/** Above it a connection is closed unanswered. */
const CONNECTIONS_MAX = 8_192;
/** Streams of one token at a time, of events and of logs. */
const STREAMS_MAX = 256;

export interface ServerOptions {
  readonly state: string;
  readonly tokens: Tokens;
  readonly audit: Audit;
  /** The name or address that we listen at. */
  readonly listen_host: string;
  /** HOST:PORT of what stands before us, such as a proxy. */
  readonly allow_hosts: readonly string[];
  /** Null: HTTP without TLS. */
  readonly tls: Tls | null;
  readonly backup: (response: ServerResponse, signal: AbortSignal) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

const notFastifys = (): never => {
  throw new Error("every route has the compilers that are set for all");
};

/** Builds the server from the contract's table: every route is there, with its roles, its forms and its limits. */
export function makeServer(owner: Owner, handlers: Handlers, options: ServerOptions): FastifyInstance {
  const { audit, tls, onError } = options;
  const guard = makeGuard(options.tokens, makeNames(options.listen_host, tls?.cert ?? null, options.allow_hosts), () =>
    performance.now(),
  );
  const streams = new Map<string, number>();

  const server = Fastify({
    logger: false,
    bodyLimit: MIB,
    forceCloseConnections: true,
    // a HEAD would be a route of its own, which stands in no table
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 256 },
    // ours are set below; named here, so that Fastify does not load its own
    schemaController: { compilersFactory: { buildValidator: notFastifys, buildSerializer: notFastifys } },
    serverFactory: (handle) => {
      const limits = {
        keepAliveTimeout: 75_000,
        headersTimeout: 10_000,
        // of the request alone: an answer may be waited for as long as it takes
        requestTimeout: 30_000,
        connectionsCheckingInterval: 5_000,
        maxHeaderSize: 16_384,
        // a request that names no host gets an answer of ours
        requireHostHeader: false,
      };
      const raw =
        tls === null
          ? createServer(limits, handle)
          : createTlsServer({ ...limits, ...tls, handshakeTimeout: 10_000 }, handle);
      raw.maxConnections = CONNECTIONS_MAX;
      return raw;
    },
    clientErrorHandler: (error, socket) => {
      if (!socket.writable || error.code === "ECONNRESET") return void socket.destroy();
      const document = documentOfClientError(error.code);
      const body = JSON.stringify(document);
      socket.end(
        `HTTP/1.1 ${document.status} ${document.title}\r\ncontent-type: application/problem+json\r\n` +
          `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
    },
    // a URL that the router cannot read
    frameworkErrors: (error, _request, reply) => sendProblem(reply, error),
  });
  server.setValidatorCompiler(({ schema, httpPart }) => validator(schema as TSchema, httpPart ?? "body"));
  server.setSerializerCompiler(() => (value) => JSON.stringify(value));

  const sendProblem = (reply: FastifyReply, error: unknown): FastifyReply => {
    const document = documentOf(error);
    if (document.code === "internal") onError(error);
    return reply.status(document.status).type("application/problem+json").send(JSON.stringify(document));
  };
  server.setErrorHandler(async (error, request, reply) => {
    await auditDenial(audit, request, documentOf(error));
    return sendProblem(reply, error);
  });
  server.setNotFoundHandler(() => assert(false, "the guard answers for unknown routes"));

  server.addHook("onRoute", ({ method, url, config }) => {
    assert(config?.of !== undefined, `${String(method)} ${url} stands in no table, so nobody says who may call it`);
  });
  server.decorateRequest("principal", null);
  server.addHook("onRequest", async (request, reply) => {
    reply.headers({ "x-content-type-options": "nosniff", "cache-control": "no-store" });
    guard(request, request.routeOptions.config.of?.route ?? null);
  });
  server.addHook("preHandler", async (request) => {
    if (request.principal !== null && request.method === "POST") checkAgent(request.principal, request.body);
    if (request.routeOptions.config.of?.route.audit !== undefined) await audit.mustWrite();
  });

  for (const [name, route] of Object.entries(routes) as [RouteName, Route][]) {
    server.route({
      method: route.method,
      url: route.path.replace(/\{(\w+)\}/g, ":$1"),
      config: { of: { name, route } },
      ...(route.body_bytes_max === undefined ? {} : { bodyLimit: route.body_bytes_max }),
      schema: {
        ...(route.params ? { params: route.params } : {}),
        ...(route.query ? { querystring: route.query } : {}),
        ...(route.body ? { body: route.body } : {}),
      },
      handler: async (request, reply) => {
        const context = contextOf(request, reply);
        if (route.audit?.before === true) await auditDone(audit, request, null);
        switch (name) {
          case "runEvents": {
            const { run_id } = request.params as { run_id: string };
            const after = Number(request.headers["last-event-id"] ?? 0);
            return stream(reply, onError, () =>
              counted(streams, whoOf(context.actor), () =>
                streamEvents(owner, run_id, Number.isSafeInteger(after) ? after : 0, reply.raw, context.signal),
              ),
            );
          }
          case "readFile": {
            const file = request.params as Input<"readFile">["params"];
            const { follow_from: from } = request.query as Input<"readFile">["query"];
            if (from === undefined)
              return stream(reply, onError, () => sendFile(options.state, file, request.headers.range, reply.raw));
            return stream(reply, onError, () =>
              counted(streams, whoOf(context.actor), () =>
                followFile(options.state, file, from, reply.raw, context.signal),
              ),
            );
          }
          case "backup":
            return stream(reply, onError, () => options.backup(reply.raw, context.signal));
          default: {
            const { params, query, body } = request;
            const handle = handlers[name] as (input: unknown, context: RequestContext) => Promise<unknown>;
            const value = await handle({ params, query, body }, context);
            if (route.audit?.before !== true) await auditDone(audit, request, value);
            return reply.status(route.status).type("application/json").send(JSON.stringify(value));
          }
        }
      },
    });
  }
  return server;
}

const whoOf = ({ role, name }: RequestContext["actor"]): string => `${role}.${name}`;

/** Holds a place while `use` goes on, if its owner has one left. */
async function counted(places: Map<string, number>, owner: string, use: () => Promise<void>): Promise<void> {
  const taken = places.get(owner) ?? 0;
  if (taken >= STREAMS_MAX) {
    throw new ProblemError({
      code: "too-many-requests",
      message: `${taken} streams of this token are open already`,
      hint: "close one that nobody reads any more",
    });
  }
  places.set(owner, taken + 1);
  try {
    await use();
  } finally {
    const left = places.get(owner)! - 1;
    if (left === 0) places.delete(owner);
    else places.set(owner, left);
  }
}

/** Lets a handler write the response itself. A problem before its first byte is answered as usual. */
async function stream(
  reply: FastifyReply,
  onError: (error: unknown) => void,
  write: () => Promise<void>,
): Promise<FastifyReply> {
  try {
    reply.hijack();
    await write();
  } catch (error) {
    if (reply.raw.headersSent) {
      onError(error);
      reply.raw.destroy();
    } else {
      const document = documentOf(error);
      if (document.code === "internal") onError(error);
      reply.raw.writeHead(document.status, {
        "content-type": "application/problem+json",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
      });
      reply.raw.end(JSON.stringify(document));
    }
  }
  return reply;
}

function contextOf(request: FastifyRequest, reply: FastifyReply): RequestContext {
  const gone = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  const key = request.headers["idempotency-key"];
  return {
    // on an open route without a token: somebody who may read what is open
    actor: request.principal?.actor ?? { role: "viewer", name: "" },
    idempotency_key: typeof key === "string" && key !== "" ? key : null,
    signal: gone.signal,
  };
}

/** The contract's own schemas, compiled by TypeBox; numbers in a query come as text. */
function validator(schema: TSchema, part: string): (data: unknown) => { value: unknown } | { error: Error } {
  const form = makeForm(schema);
  return (data) => {
    const value = part === "querystring" ? withNumbers(schema, data) : data;
    const [first, ...rest] = form(value).map(
      ({ path, message }): Problem => ({ code: "bad-request", message: `${part}${path}: ${message}`, place: { path } }),
    );
    return first === undefined ? { value } : { error: new ProblemError(first, ...rest) };
  };
}

function withNumbers(schema: TSchema, data: unknown): unknown {
  const properties = (schema as { properties?: Record<string, { type?: string }> }).properties ?? {};
  return Object.fromEntries(
    Object.entries((data ?? {}) as Record<string, unknown>).map(([key, value]) => {
      const whole = properties[key]?.type === "integer" && typeof value === "string" && /^-?[0-9]{1,15}$/.test(value);
      return [key, whole ? Number(value) : value];
    }),
  );
}
