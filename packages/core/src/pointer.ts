/** JSON Pointers (RFC 6901): the place of a value in a document. `""` is the whole document. */
export const pointerTo = (base: string, segment: string | number): string =>
  `${base}/${typeof segment === "string" && /[~/]/.test(segment) ? escaped(segment) : segment}`;

const escaped = (segment: string): string => segment.replaceAll("~", "~0").replaceAll("/", "~1");

export const pointerSegments = (pointer: string): string[] =>
  pointer
    .split("/")
    .slice(1)
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
