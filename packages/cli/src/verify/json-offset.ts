/**
 * Where a text stops being JSON (RFC 8259): the offset, in UTF-16 code units, of the first character that cannot
 * stand there; null where the text is JSON. Node's own message names the place only sometimes.
 */
export function jsonErrorOffset(text: string): number | null {
  let at = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at += found[0].length;
    return found !== null;
  };
  const blank = (): boolean => skip(/[ \t\r\n]*/y);
  const char = (expected: string): boolean => {
    if (text[at] !== expected) return false;
    at++;
    return true;
  };

  const string = (): boolean => {
    if (!char('"')) return false;
    // oxlint-disable-next-line no-control-regex -- JSON does not let them stand in a string
    skip(/(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y);
    return char('"');
  };
  const members = (close: string, member: () => boolean): boolean => {
    blank();
    if (char(close)) return true;
    for (;;) {
      if (!member()) return false;
      blank();
      if (char(close)) return true;
      if (!char(",")) return false;
      blank();
    }
  };
  const value = (): boolean => {
    blank();
    if (char("{")) return members("}", () => string() && blank() && char(":") && value());
    if (char("[")) return members("]", value);
    if (text[at] === '"') return string();
    return skip(/-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y);
  };

  if (!value()) return at;
  blank();
  return at === text.length ? null : at;
}

/** The first byte in which two texts differ; null where they are equal. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number | null {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return i;
  return a.length === b.length ? null : shared;
}
