import type { ServerResponse } from "node:http";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import {
  type Input,
  type Problem,
  ProblemError,
  type Route,
  type RouteName,
  routes,
  type TSchema,
} from "orchestrator-core";
import { makeForm } from "../form.ts";
import type { Owner } from "../owner/owner.ts";
import { authorize, makeAuthenticator } from "./auth.ts";
import type { Handlers, RequestContext } from "./handlers.ts";
import { documentOf } from "./problems.ts";
import { sendFile, streamEvents } from "./streams.ts";

const MIB = 1024 * 1024;

/** Builds the server from the contract's table: every route is there, with its roles, its forms and its limits. */
export function makeServer(
  owner: Owner,
  handlers: Handlers,
  options: {
    readonly state: string;
    readonly backup: (response: ServerResponse, signal: AbortSignal) => Promise<void>;
    readonly onError: (error: unknown) => void;
  },
): FastifyInstance {
  const server = Fastify({
    logger: false,
    bodyLimit: MIB,
    keepAliveTimeout: 75_000,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 256 },
    http: { headersTimeout: 10_000, requestTimeout: 120_000, maxHeaderSize: 16_384 },
    ajv: { customOptions: { strict: false } },
  });
  const authenticate = makeAuthenticator(options.state);
  server.setValidatorCompiler(({ schema, httpPart }) => validator(schema as TSchema, httpPart ?? "body"));
  server.setSerializerCompiler(() => (value) => JSON.stringify(value));
  server.setErrorHandler((error, _request, reply) => {
    const document = documentOf(error);
    if (document.code === "internal") options.onError(error);
    void reply.status(document.status).type("application/problem+json").send(JSON.stringify(document));
  });
  server.setNotFoundHandler(() => {
    throw new ProblemError({ code: "route-unknown", message: "there is no such route", hint: "see /openapi.json" });
  });
  for (const [name, route] of Object.entries(routes) as [RouteName, Route][]) {
    server.route({
      method: route.method,
      url: route.path.replace(/\{(\w+)\}/g, ":$1"),
      ...(route.body_bytes_max === undefined ? {} : { bodyLimit: route.body_bytes_max }),
      schema: {
        ...(route.params ? { params: route.params } : {}),
        ...(route.query ? { querystring: route.query } : {}),
        ...(route.body ? { body: route.body } : {}),
      },
      // before the body is read: nobody without a role makes us parse anything
      onRequest: async (request) => authorize(authenticate(request.headers.authorization), route.roles),
      handler: async (request, reply) => {
        const context = contextOf(request, reply, authenticate);
        switch (name) {
          case "runEvents": {
            const { run_id } = request.params as { run_id: string };
            const after = Number(request.headers["last-event-id"] ?? 0);
            return stream(reply, options.onError, () =>
              streamEvents(owner, run_id, Number.isSafeInteger(after) ? after : 0, reply.raw, context.signal),
            );
          }
          case "readFile": {
            const file = request.params as Input<"readFile">["params"];
            return stream(reply, options.onError, () =>
              sendFile(options.state, file, request.headers.range, reply.raw),
            );
          }
          case "backup":
            return stream(reply, options.onError, () => options.backup(reply.raw, context.signal));
          default: {
            const { params, query, body } = request;
            const handle = handlers[name] as (input: unknown, context: RequestContext) => Promise<unknown>;
            const value = await handle({ params, query, body }, context);
            return reply.status(route.status).type("application/json").send(JSON.stringify(value));
          }
        }
      },
    });
  }
  return server;
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
      reply.raw.writeHead(document.status, { "content-type": "application/problem+json" });
      reply.raw.end(JSON.stringify(document));
    }
  }
  return reply;
}

function contextOf(
  request: FastifyRequest,
  reply: FastifyReply,
  authenticate: ReturnType<typeof makeAuthenticator>,
): RequestContext {
  const gone = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  const key = request.headers["idempotency-key"];
  return {
    actor: authenticate(request.headers.authorization) ?? { role: "operator", name: "" },
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
