import type { IncomingMessage } from "node:http";
import { httpTransport } from "orchestrator-agent";
import {
  type CallOptions,
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

export function linkTo(url: string, token: string): Link {
  const client = makeClient(httpTransport(url), token);
  return {
    url,
    async call(name, input, options) {
      const reply = await client.call(name, input, options);
      if (!reply.ok) throw fromDocument(reply.error);
      return reply.value;
    },
    async stream(name, input, headers = {}, signal) {
      const path = pathOf(name, input as Record<string, unknown>);
      const reply = await openStream(url, path, { ...headers, authorization: `Bearer ${token}` }, signal);
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
