const UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };

/** The form of a size in a workflow file: `512MiB`, `2GiB`. */
export const SIZE_PATTERN = "^[0-9]{1,9}(B|KiB|MiB|GiB|TiB)$";
const SIZE = /^([0-9]{1,9})(B|KiB|MiB|GiB|TiB)$/;

/** Bytes of a size; null where the text is none, or is more than an integer holds. */
export function parseSize(text: string): number | null {
  const [, count, unit] = SIZE.exec(text) ?? [];
  if (count === undefined) return null;
  const bytes = Number(count) * UNITS[unit!]!;
  return Number.isSafeInteger(bytes) ? bytes : null;
}
