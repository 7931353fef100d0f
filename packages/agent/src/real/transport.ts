import { X509Certificate } from "node:crypto";
import { Agent, request as httpRequest } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import type { ConnectionOptions } from "node:tls";
import { type HttpReply, NoAnswer, type Transport } from "orchestrator-core";

/** Which servers are believed to be the daemon, where it speaks TLS. */
export type Trust =
  /** With this certificate (PEM) and no other: the daemon's own file names it, so its name does not matter. */
  | { readonly kind: "pinned"; readonly certificate: string }
  /** With one that these authorities (PEM) signed for the name we call it by; null: the ones that Node knows. */
  | { readonly kind: "authorities"; readonly ca: string | null };

/** The same for Node's client. */
export function tlsOptions(trust: Trust): ConnectionOptions {
  if (trust.kind === "authorities") return trust.ca === null ? {} : { ca: trust.ca };
  const { certificate } = trust;
  const { raw } = new X509Certificate(certificate);
  return {
    ca: certificate,
    // it is trusted itself, whoever signed it
    allowPartialTrustChain: true,
    checkServerIdentity: (_name, peer) =>
      peer.raw.equals(raw) ? undefined : new Error("the certificate is not the one that the daemon's file names"),
  };
}

/** A token goes to this machine, or through TLS. */
export function mayCarryTokens(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || (protocol === "http:" && /^(localhost|127\.[0-9.]+|\[::1\])$/.test(hostname));
}

/**
 * HTTP/1.1 over kept-alive connections. Node's own client: a fetch would cost the process 15 MB and gain nothing.
 * Whatever goes wrong before the whole answer is here is a `NoAnswer`.
 */
export function httpTransport(base_url: string, trust: Trust): Transport {
  const base = new URL(base_url);
  const tls = base.protocol === "https:";
  const agent = tls ? new TlsAgent({ keepAlive: true, ...tlsOptions(trust) }) : new Agent({ keepAlive: true });
  const send = tls ? tlsRequest : httpRequest;
  return ({ method, path, headers, body, timeout_ms }) =>
    new Promise<HttpReply>((resolve, reject) => {
      const fail = (error: Error): void => {
        clearTimeout(timer);
        reject(new NoAnswer(`${method} ${path}: ${error.message}`, { cause: error }));
      };
      const request = send(
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
