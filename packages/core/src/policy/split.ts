/**
 * Splits a line into words, as GNU env does for `env -S` (coreutils manual, "env -S syntax"). Null where that would
 * take more than blanks and quotes: escapes, variables and comments can hide what is started.
 */
export function splitString(text: string): string[] | null {
  if (/[\\$#]/.test(text)) return null;
  const words: string[] = [];
  let word: string | null = null;
  let quoted: string | null = null;
  for (const c of text) {
    if (quoted !== null) {
      if (c === quoted) quoted = null;
      else word += c;
    } else if (c === "'" || c === '"') {
      quoted = c;
      word ??= "";
    } else if (/[ \t\n\v\f\r]/.test(c)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? "") + c;
  }
  if (quoted !== null) return null;
  if (word !== null) words.push(word);
  return words;
}
