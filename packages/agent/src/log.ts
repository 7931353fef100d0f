import { rfc3339 } from "orchestrator-core";
import type { Ports } from "./ports.ts";

type Fields = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

/** NDJSON: one object a line, `at`, `level`, `event` and what belongs to the event. */
export interface Log {
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
}

export function makeLog(ports: Pick<Ports, "clock" | "log">, always: Fields): Log {
  const at =
    (level: string) =>
    (event: string, fields: Fields = {}): void =>
      ports.log(JSON.stringify({ at: rfc3339(ports.clock.wall()), level, event, ...always, ...fields }));
  return { info: at("info"), warn: at("warn"), error: at("error") };
}

export const errorText = (error: unknown): string => (error instanceof Error ? error.message : String(error));
