/**
 * Takes secrets out of a stream of bytes, wherever it is cut, in the forms in which programs print them.
 *
 * 1. What leaves holds no form of a secret, also none that began in one piece and ended in another.
 * 2. No more is held back than what may be the beginning of one.
 * 3. Where forms overlap, all of what they cover goes: one mark for one covered passage.
 *
 * It is a net, not a wall: a program can always write a secret in a form that nobody thought of.
 */
export interface Redactor {
  /** What of this and of earlier pieces may be shown. */
  push(bytes: Uint8Array): Uint8Array;
  /** What was held back, at the end. */
  end(): Uint8Array;
  /** Passages that were masked until now. */
  readonly count: number;
}

/** Shorter ones would mask half of what programs say. In bytes. */
export const SECRET_BYTES_MIN = 8;
export const SECRET_BYTES_MAX = 16 * 1024;

const MASK = Buffer.from("***");

/** Secrets, made ready to be looked for: in any number of streams. */
export type Forms = readonly Form[];

export function prepareForms(secrets: readonly Uint8Array[]): Forms {
  const texts = [...new Set(secrets.flatMap(formsOf))];
  return texts.map((text) => {
    const bytes = Buffer.from(text, "latin1");
    return { text, bytes, borders: bordersOf(bytes) };
  });
}

export function makeRedactor(forms: Forms): Redactor {
  let held: Uint8Array = new Uint8Array();
  /** Of each byte that is held: it belongs to a form that was found. */
  let covered: Uint8Array = new Uint8Array();
  let masking = false;
  let count = 0;

  function take(bytes: Uint8Array, is_last: boolean): Uint8Array {
    const text = Buffer.concat([held, bytes]);
    const cover = new Uint8Array(text.length);
    cover.set(covered);
    const letters = text.toString("latin1");
    for (const { text: form } of forms) {
      for (let at = letters.indexOf(form); at >= 0; at = letters.indexOf(form, at + 1)) {
        cover.fill(1, at, at + form.length);
      }
    }
    const safe = is_last ? text.length : text.length - Math.max(0, ...forms.map((form) => beginningAtEnd(text, form)));
    const parts: Uint8Array[] = [];
    for (let at = 0; at < safe; ) {
      let to = at;
      while (to < safe && cover[to] === cover[at]) to++;
      if (cover[at] === 0) parts.push(text.subarray(at, to));
      else if (at > 0 || !masking) {
        parts.push(MASK);
        count++;
      }
      masking = cover[at] === 1;
      at = to;
    }
    held = Uint8Array.from(text.subarray(safe));
    covered = cover.slice(safe);
    return Buffer.concat(parts);
  }

  return {
    push: (bytes) => take(bytes, false),
    end: () => take(new Uint8Array(), true),
    get count() {
      return count;
    },
  };
}

/** Text with all forms of the secrets masked. */
export function redactText(secrets: readonly Uint8Array[], text: string): string {
  if (secrets.length === 0) return text;
  const redactor = makeRedactor(prepareForms(secrets));
  return Buffer.concat([redactor.push(Buffer.from(text)), redactor.end()]).toString();
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/** Where programs break lines of base64: base64(1) and MIME; PEM and OpenSSL. */
const BASE64_COLUMNS = [76, 64];

/**
 * As it is, its lines, base64 at each place in a group of three and in lines, hex, in URLs, in JSON. One character stands
 * for one byte.
 */
export function formsOf(secret: Uint8Array): string[] {
  const raw = Buffer.from(secret).toString("latin1");
  const texts = new Set<string>([raw]);
  for (const line of raw.split(/\r?\n/)) texts.add(line);
  for (let before = 0; before < 3; before++) {
    const base64 = base64Within(secret, before);
    texts.add(base64);
    texts.add(base64.replaceAll("+", "-").replaceAll("/", "_"));
  }
  const whole = base64Within(secret, 0);
  for (const columns of BASE64_COLUMNS) {
    for (let at = 0; whole.length > columns && at < whole.length; at += columns)
      texts.add(whole.slice(at, at + columns));
  }
  const hex = [...secret].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  for (const text of [hex, hex.toUpperCase()]) texts.add(text);
  for (const unreserved of [/[A-Za-z0-9_.!~*'()-]/, /[A-Za-z0-9_.~-]/, /[A-Za-z0-9_.*-]/]) {
    for (const lower of [false, true]) {
      const escape = (byte: number): string => `%${byte.toString(16).padStart(2, "0")}`;
      const escaped = [...secret].map((byte) => {
        const character = String.fromCharCode(byte);
        if (byte < 128 && unreserved.test(character)) return character;
        return lower ? escape(byte) : escape(byte).toUpperCase();
      });
      const url = escaped.join("");
      texts.add(url);
      texts.add(url.replaceAll("%20", "+"));
    }
  }
  for (const json of jsonForms(secret)) texts.add(json);
  return [...texts].filter((text) => text.length >= SECRET_BYTES_MIN);
}

/** As it stands in JSON, in the three ways in which programs write it: as it is, with \u for what is not ASCII, with \/. */
function jsonForms(secret: Uint8Array): string[] {
  const text = Buffer.from(secret).toString();
  const plain = JSON.stringify(text).slice(1, -1);
  const ascii = plain.replaceAll(/[^\0-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return [plain, ascii, plain.replaceAll("/", "\\/")].map((form) => Buffer.from(form).toString("latin1"));
}

/** The letters of base64 that depend on nothing but the secret, where it follows so many other bytes of a group. */
function base64Within(secret: Uint8Array, before: number): string {
  let letters = "";
  const bits = 8 * (before + secret.length);
  const first = Math.ceil((8 * before) / 6);
  for (let letter = first; (letter + 1) * 6 <= bits; letter++) {
    let value = 0;
    for (let bit = letter * 6; bit < letter * 6 + 6; bit++) {
      const byte = secret[(bit >> 3) - before] ?? 0;
      value = (value << 1) | ((byte >> (7 - (bit & 7))) & 1);
    }
    letters += BASE64[value];
  }
  return letters;
}

interface Form {
  /** One character stands for one byte. */
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly borders: Int32Array;
}

/** For each beginning of a form, the length of the longest shorter beginning that it ends with (Knuth, Morris, Pratt). */
function bordersOf(form: Uint8Array): Int32Array {
  const borders = new Int32Array(form.length);
  for (let at = 1, length = 0; at < form.length; at++) {
    while (length > 0 && form[at] !== form[length]) length = borders[length - 1]!;
    if (form[at] === form[length]) length++;
    borders[at] = length;
  }
  return borders;
}

/** How many bytes at the end of the text are the beginning of the form, and not all of it. */
function beginningAtEnd(text: Uint8Array, { bytes: form, borders }: Form): number {
  let length = 0;
  for (let at = Math.max(0, text.length - form.length + 1); at < text.length; at++) {
    while (length > 0 && text[at] !== form[length]) length = borders[length - 1]!;
    if (text[at] === form[length]) length++;
  }
  return length;
}
