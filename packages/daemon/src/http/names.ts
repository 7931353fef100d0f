import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";

/** By which names a request may address us. */
export interface Names {
  /** `port`: the one that the connection came in at. */
  mayBe(host: string | undefined, port: number): boolean;
  isOurOrigin(origin: string, port: number): boolean;
}

const LOOPBACK = ["localhost", "127.0.0.1", "::1"];
const HOST = /^(?:\[([0-9a-f:.]+)\]|([^[\]:@/?#\s]+))(?::([0-9]{1,5}))?$/;

/**
 * The names of loopback, the one we listen at, and with TLS those of the certificate, each with our port; and `more`,
 * HOST:PORT as a proxy or a tunnel before us has it. An exact list, never a pattern: a web page that had its own name resolve to this machine (DNS rebinding) says that name here.
 */
export function makeNames(listen_host: string, certificate: string | null, more: readonly string[]): Names {
  const addresses = new Set(more.map((address) => address.toLowerCase()));
  const names = new Set([...LOOPBACK, listen_host.toLowerCase()]);
  const x509 = certificate === null ? null : new X509Certificate(certificate);
  const scheme = x509 === null ? "http:" : "https:";
  const port_default = x509 === null ? 80 : 443;
  const isKnown = (name: string): boolean =>
    names.has(name) || (isIP(name) !== 0 ? x509?.checkIP(name) : x509?.checkHost(name)) !== undefined;
  const mayBe = (host: string | undefined, port: number): boolean => {
    const said_host = host?.toLowerCase() ?? "";
    if (addresses.has(said_host)) return true;
    const match = HOST.exec(said_host);
    if (match === null) return false;
    const [, v6, name, said] = match;
    return Number(said ?? port_default) === port && isKnown(v6 ?? name ?? "");
  };
  return {
    mayBe,
    isOurOrigin: (origin, port) => origin.startsWith(`${scheme}//`) && mayBe(origin.slice(scheme.length + 2), port),
  };
}
