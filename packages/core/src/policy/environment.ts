import { type EnvRow, envRows } from "./tables/env.ts";

interface CompiledRow {
  readonly row: EnvRow;
  readonly names: RegExp;
  readonly passes: RegExp | null;
  readonly values: RegExp | null;
}
const whole = (text: string, flags: string): RegExp => new RegExp(`^(?:${text})$`, flags);
const rows: readonly CompiledRow[] = envRows.map((row) => ({
  row,
  names: whole(row.names, ""),
  passes: row.passes === undefined ? null : whole(row.passes, ""),
  values: row.values === undefined ? null : whole(row.values, ""),
}));

/** Values beyond this length are not looked into: none that is harmless is so long. */
const VALUE_CHARS_MAX = 4_096;
const NAME_CHARS_MAX = 256;

/** Why a variable may not be set without a word: what it does. Null: it may. */
export function refuseVariable(name: string, value: string): string | null {
  if (name.length > NAME_CHARS_MAX) return "has a name longer than any program reads";
  const capitals = name.toUpperCase();
  for (const { row, names, passes, values } of rows) {
    if (!names.test(capitals)) continue;
    if (passes?.test(capitals) === true) return null;
    return values !== null && value.length <= VALUE_CHARS_MAX && values.test(value) ? null : row.why;
  }
  return null;
}
