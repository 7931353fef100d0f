import type { Ports } from "../ports.ts";
import { realClock, realRandom } from "./clock.ts";
import { realFiles } from "./files.ts";
import { KEEPER, keptProcesses } from "./keeper.ts";
import { realProcesses } from "./processes.ts";
import { httpTransport } from "./transport.ts";

/** The world as it is. `log` takes one line of NDJSON. `keeper` is the program that holds commands; null: none does. */
export const realPorts = (log: (line: string) => void, keeper: string | null = KEEPER): Ports => ({
  clock: realClock,
  random: realRandom,
  files: realFiles,
  processes: (keeper === null ? null : keptProcesses(keeper)) ?? realProcesses(),
  connect: httpTransport,
  log,
});
