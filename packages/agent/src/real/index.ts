import type { Ports } from "../ports.ts";
import { realClock, realRandom } from "./clock.ts";
import { realFiles } from "./files.ts";
import { realProcesses } from "./processes.ts";
import { httpTransport } from "./transport.ts";

/** The world as it is. `log` takes one line of NDJSON. */
export const realPorts = (log: (line: string) => void): Ports => ({
  clock: realClock,
  random: realRandom,
  files: realFiles,
  processes: realProcesses(),
  connect: httpTransport,
  log,
});
