/** Text of other people in our messages: bounded, in one line, and unable to steer a terminal. */

const SHOWN_MAX = 80;
// C0 and C1 controls, line and paragraph separators, and the characters that turn the direction of text.
const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/gu;

/** Control characters as `\u{…}`. */
export const visible = (text: string): string =>
  text.replace(CONTROL, (c) => `\\u{${c.codePointAt(0)!.toString(16).padStart(4, "0")}}`);

/** `text` in backquotes, cut where it is long. */
export function quote(text: string): string {
  const shown = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX - 1)}…` : text;
  return `\`${visible(shown)}\``;
}

// What YAML reads as this very text in a flow list without quotes. Numbers, `true`, `null` and the like are not among it.
const PLAIN = /^(?!(?:true|false|null)$)(?:[a-z_/]|\.\.?\/)[a-z0-9_./@%+=-]*$|^--?[a-z][a-z0-9_./@%+=-]*$/i;
const WORDS_MAX = 12;

/** Words as a YAML flow list: `[npm, run, "a b"]`. Reads back as the same words, unless it had to be cut. */
export function flowList(words: readonly string[]): string {
  const shown = words.slice(0, WORDS_MAX).map((word) => {
    if (word.length > SHOWN_MAX) return "…";
    return PLAIN.test(word) ? word : visible(JSON.stringify(word));
  });
  if (words.length > WORDS_MAX) shown.push("…");
  return `[${shown.join(", ")}]`;
}
