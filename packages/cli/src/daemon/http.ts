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

export async function readAll(body: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of body) chunks.push(chunk as Buffer);
  } catch (error) {
    throw noAnswer(error);
  }
  return Buffer.concat(chunks);
}
