import type { ProgramRow } from "../row.ts";
import { archives } from "./archives.ts";
import { builds } from "./builds.ts";
import { containers } from "./containers.ts";
import { databases } from "./databases.ts";
import { documents } from "./documents.ts";
import { files } from "./files.ts";
import { interpreters } from "./interpreters.ts";
import { launchers } from "./launchers.ts";
import { managers } from "./managers.ts";
import { network } from "./network.ts";
import { runners } from "./runners.ts";
import { system } from "./system.ts";
import { versions } from "./versions.ts";

/** All programs but those that are shells. One row for each name. */
export const rows: readonly ProgramRow[] = [
  ...launchers,
  ...runners,
  ...containers,
  ...interpreters,
  ...versions,
  ...builds,
  ...managers,
  ...files,
  ...archives,
  ...network,
  ...databases,
  ...documents,
  ...system,
];
