import { Agent, request as httpRequest } from "node:http";
import { type HttpReply, NoAnswer, type Transport } from "orchestrator-core";

/**
 * HTTP/1.1 over kept-alive connections. Node's own client: a fetch would cost the process 15 MB and gain nothing.
 * Whatever goes wrong before the whole answer is here is a `NoAnswer`.
 */
export function httpTransport(base_url: string): Transport {
  const base = new URL(base_url);
  const agent = new Agent({ keepAlive: true });
  return ({ method, path, headers, body, timeout_ms }) =>
    new Promise<HttpReply>((resolve, reject) => {
      const fail = (error: Error): void => {
        clearTimeout(timer);
        reject(new NoAnswer(`${method} ${path}: ${error.message}`, { cause: error }));
      };
      const request = httpRequest(
        {
          agent,
          // an IPv6 address stands in brackets in a URL, and nowhere else
          hostname: base.hostname.replace(/^\[|\]$/g, ""),
          port: base.port,
          method,
          path,
          headers: body === null ? headers : { ...headers, "content-length": Buffer.byteLength(body) },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", fail);
          response.on("end", () => {
            clearTimeout(timer);
            resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") });
          });
        },
      );
      const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeout_ms} ms`)), timeout_ms);
      request.on("error", fail);
      request.end(body ?? undefined);
    });
}
