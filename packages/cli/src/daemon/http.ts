import { type IncomingMessage, request } from "node:http";
import { request as tlsRequest } from "node:https";
import { tlsOptions, type Trust } from "orchestrator-agent";
import { NoAnswer } from "orchestrator-core";

/** A GET whose answer is read piece by piece. Resolves when its head has come. */
export function openStream(
  base: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  trust: Trust,
  signal: AbortSignal | null = null,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // a connection of its own: it may stay open for as long as the run goes on
    const url = new URL(path, base);
    const tls = url.protocol === "https:";
    const sent = (tls ? tlsRequest : request)(
      url,
      {
        method: "GET",
        agent: false,
        headers,
        ...(tls ? tlsOptions(trust) : {}),
        ...(signal === null ? {} : { signal }),
      },
      resolve,
    );
    sent.setTimeout(IDLE_MS, () => sent.destroy(new Error(`nothing came for ${IDLE_MS} ms`)));
    sent.on("error", (error) => reject(noAnswer(error)));
    sent.end();
  });
}

/** The daemon sends keep-alive comments far more often. */
const IDLE_MS = 60_000;

export const noAnswer = (error: unknown): NoAnswer =>
  error instanceof NoAnswer
    ? error
    : new NoAnswer(error instanceof Error ? error.message : String(error), { cause: error });

/** Its pieces as they come. Throws `NoAnswer` where the connection is cut. */
export async function* wholeBody(body: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of body) yield chunk as Buffer;
  } catch (error) {
    throw noAnswer(error);
  }
}

export async function readAll(body: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of wholeBody(body)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
