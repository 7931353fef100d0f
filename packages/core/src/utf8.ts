const LONE_SURROGATE = /\p{Surrogate}/u;

/** Has a form in UTF-8, and so in canonical JSON. */
export const isWellFormed = (text: string): boolean => !LONE_SURROGATE.test(text);

/** Bytes of the UTF-8 form. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) bytes += unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
