/**
 * Text that others wrote, made safe for a terminal: control characters (C0, DEL, C1) and the marks that reorder
 * text would let a log line forge what stands on the screen. They are shown as escapes; tabs stay.
 */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const UNSAFE = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

export const safe = (text: string): string =>
  text.replace(UNSAFE, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });

/** Colours and weights (ECMA-48 SGR); not "concealed", which would hide what stands there. */
const COLOUR =
  // oxlint-disable-next-line no-control-regex -- a colour begins with one
  /\u001b\[(?:(?:0?[0-79]|2[1-79]|[349][0-79]|10[0-7]|[34]8;5;[0-9]{1,3}|[34]8;2(?:;[0-9]{1,3}){3})?(?:;|(?=m)))*m/g;

/** The same, with the colours of the text let through. They end with it. */
export function safeWithColours(text: string): string {
  const colours = text.match(COLOUR) ?? [];
  if (colours.length === 0) return safe(text);
  const between = text.split(COLOUR).map(safe);
  return `${between.map((part, i) => part + (colours[i] ?? "")).join("")}\u001b[0m`;
}

/** On one line: line ends become spaces. */
export const oneLine = (text: string): string => safe(text.trim().replace(/\s*[\r\n]+\s*/g, " "));

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const WIDTHLESS = /\p{Mark}|\u200d|\ufe0f/u;

/** Columns that a character takes on a terminal. */
const columnsOf = (char: string): number => (WIDTHLESS.test(char) ? 0 : WIDE.test(char) ? 2 : 1);

export function width(text: string): number {
  let columns = 0;
  for (const char of text) columns += columnsOf(char);
  return columns;
}

/** The beginning of a text that fits, with `…` where something was left out. */
export function fit(text: string, columns_max: number): string {
  if (width(text) <= columns_max) return text;
  let out = "";
  let columns = 0;
  for (const char of text) {
    columns += columnsOf(char);
    if (columns > columns_max - 1) break;
    out += char;
  }
  return columns_max < 1 ? "" : `${out}…`;
}

export const padEnd = (text: string, columns: number): string => text + " ".repeat(Math.max(0, columns - width(text)));
export const padStart = (text: string, columns: number): string =>
  " ".repeat(Math.max(0, columns - width(text))) + text;

/** A word as a POSIX shell reads it back. For display; nothing here ever starts a shell. */
export const shellWord = (word: string): string =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;
