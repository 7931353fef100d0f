import type { Ports } from "../ports.ts";
import { realClock, realRandom } from "./clock.ts";
import { realFiles } from "./files.ts";
import { realProcesses } from "./processes.ts";
import { httpTransport } from "./transport.ts";

/** The world as it is. `log` takes one line of NDJSON; `ca` (PEM) is trusted instead of the system's authorities. */
export const realPorts = (log: (line: string) => void, ca: string | null = null): Ports => ({
  clock: realClock,
  random: realRandom,
  files: realFiles,
  processes: realProcesses(),
  connect: (url, certificate) =>
    httpTransport(url, certificate === null ? { kind: "authorities", ca } : { kind: "pinned", certificate }),
  log,
});
