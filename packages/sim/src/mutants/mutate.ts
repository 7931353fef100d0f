import type { Edit } from "./list.ts";

export class NotPlanted extends Error {
  override name = "NotPlanted";
}

/** The text with each edit made. Throws `NotPlanted` where a piece is not there exactly once. */
export function mutate(text: string, edits: readonly Edit[]): string {
  let changed = text;
  for (const { file, find, replace } of edits) {
    const pattern = new RegExp(tokens(find).map(escape).join("\\s*"), "g");
    const found = [...changed.matchAll(pattern)];
    if (found.length !== 1) {
      throw new NotPlanted(`${file} holds \`${find}\` ${found.length} times; a mutant changes exactly one place`);
    }
    changed = changed.replace(pattern, () => replace);
  }
  return changed;
}

/** Words and signs, so that white space and line breaks of a formatter do not count. */
const tokens = (code: string): string[] => code.match(/[A-Za-z0-9_$#]+|[^\sA-Za-z0-9_$#]/g) ?? [];

const escape = (token: string): string => token.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
