import type { IncomingMessage } from "node:http";
import { httpTransport, type Trust } from "orchestrator-agent";
import {
  type CallOptions,
  type Client,
  type Input,
  type JsonRouteName,
  makeClient,
  NoAnswer,
  pathOf,
  type ProblemDocument,
  ProblemError,
  type Reply,
  type RouteName,
} from "orchestrator-core";
import type { TokenFor } from "./access.ts";
import { openStream, readAll } from "./http.ts";

/** Calls of one daemon at one address. What it refuses is thrown as a `ProblemError`, no answer as `NoAnswer`. */
export interface Link {
  readonly url: string;
  call<N extends JsonRouteName>(name: N, input: Input<N>, options?: CallOptions): Promise<Reply<N>>;
  /** Opens a route that streams. */
  stream<N extends Exclude<RouteName, JsonRouteName>>(
    name: N,
    input: Input<N>,
    headers?: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<IncomingMessage>;
}

export function linkTo(url: string, tokenFor: TokenFor, trust: Trust): Link {
  const transport = httpTransport(url, trust);
  const clients = new Map<string, Client>();
  const clientWith = (token: string): Client => {
    const client = clients.get(token) ?? makeClient(transport, token);
    clients.set(token, client);
    return client;
  };
  return {
    url,
    async call(name, input, options) {
      const reply = await clientWith(tokenFor(name)).call(name, input, options);
      if (!reply.ok) throw fromDocument(reply.error);
      return reply.value;
    },
    async stream(name, input, headers = {}, signal) {
      const path = pathOf(name, input as Record<string, unknown>);
      const reply = await openStream(
        url,
        path,
        { ...headers, authorization: `Bearer ${tokenFor(name)}` },
        trust,
        signal,
      );
      if (reply.statusCode === 200 || reply.statusCode === 206) return reply;
      const text = (await readAll(reply)).toString();
      try {
        throw fromDocument(JSON.parse(text) as ProblemDocument);
      } catch (error) {
        if (error instanceof ProblemError) throw error;
        throw new NoAnswer(`status ${reply.statusCode} with a body that is not JSON`);
      }
    },
  };
}

/** The problems that a daemon answered with, as if they had been found here. */
function fromDocument(document: ProblemDocument): ProblemError {
  const [first, ...more] = document.problems ?? [];
  if (first !== undefined) return new ProblemError(first, ...more);
  const { code, detail, hint } = document;
  return new ProblemError({ code, message: detail, ...(hint === undefined ? {} : { hint }) });
}
