import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { ProblemError } from "orchestrator-core";

/** Certificate chain and key, as PEM. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
}

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);

/** Reads what TLS takes. Null: none was asked for, and the address is loopback, where none is needed. */
export function readTls(host: string, cert_file: string | undefined, key_file: string | undefined): Tls | null {
  if (cert_file === undefined && key_file === undefined) {
    if (LOOPBACK.has(host)) return null;
    throw new ProblemError({
      code: "tls-missing",
      message: `${host} can be reached from other machines, and tokens would cross the network in clear text`,
      hint: "listen on 127.0.0.1, or give --tls-cert FILE and --tls-key FILE",
    });
  }
  if (cert_file === undefined || key_file === undefined) throw invalid("--tls-cert and --tls-key go together");
  try {
    const cert = readFileSync(cert_file, "utf8");
    const key = readFileSync(key_file, "utf8");
    if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return { cert, key };
  } catch (error) {
    throw invalid(`${cert_file} and ${key_file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw invalid(`the key in ${key_file} is not the one of the certificate in ${cert_file}`);
}

const invalid = (message: string): ProblemError =>
  new ProblemError({ code: "tls-invalid", message, hint: "both are PEM files: the certificate chain, and its key" });

/** The daemon's own certificate: the first of the chain. */
export const leafOf = ({ cert }: Tls): string => new X509Certificate(cert).toString();
