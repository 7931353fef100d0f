import type { Ports } from "../ports.ts";
import { realClock, realRandom } from "./clock.ts";
import { realFiles } from "./files.ts";
import { KEEPER, keptProcesses } from "./keeper.ts";
import { realProcesses } from "./processes.ts";
import { httpTransport } from "./transport.ts";

export interface RealWorld {
  /** The program that holds commands; null: none does. */
  readonly keeper?: string | null;
  /** Authorities (PEM) that are trusted instead of the system's. */
  readonly ca?: string | null;
}

/** The world as it is. `log` takes one line of NDJSON. */
export const realPorts = (log: (line: string) => void, { keeper = KEEPER, ca = null }: RealWorld = {}): Ports => ({
  clock: realClock,
  random: realRandom,
  files: realFiles,
  processes: (keeper === null ? null : keptProcesses(keeper)) ?? realProcesses(),
  connect: (url, certificate) =>
    httpTransport(url, certificate === null ? { kind: "authorities", ca } : { kind: "pinned", certificate }),
  log,
});
