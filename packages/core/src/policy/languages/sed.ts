import { pathBeneath } from "../../path.ts";

/**
 * What a script for GNU sed can do beside editing (sed manual, "Commands within a script"): carry out lines by `e`,
 * and write files by `w`. Null: nothing of that, or nothing outside of `cwd`. A script that cannot be read is named so.
 */
export function readSed(text: string, cwd: string): string | null {
  let i = 0;
  const blanks = (): void => {
    while (i < text.length && /[\s;]/.test(text[i]!)) i++;
  };
  const line = (): string => {
    const end = text.indexOf("\n", i);
    const rest = text.slice(i, end < 0 ? text.length : end);
    i = end < 0 ? text.length : end + 1;
    return rest;
  };
  /** Behind the closing delimiter, which is none within the `[…]` of a regular expression. False: there is none. */
  const delimited = (delimiter: string, regex: boolean): boolean => {
    let open = -1;
    for (; i < text.length; i++) {
      const c = text[i]!;
      if (open >= 0) {
        // `]` is itself where it comes first
        const first = i === open + 1 || (i === open + 2 && text[open + 1] === "^");
        if (c === "]" && !first) open = -1;
      } else if (c === "\\") i++;
      else if (regex && c === "[") open = i;
      else if (c === delimiter) {
        i++;
        return true;
      }
    }
    return false;
  };
  const writes = (): string | null => {
    const file = line().trim();
    if (file === "/dev/stdout" || file === "/dev/stderr" || file === "") return null;
    return pathBeneath(cwd, file) === null ? "a file that `w` writes outside of the workspace" : null;
  };
  /** Behind an address, or where there is none. False: it cannot be read. */
  const address = (): boolean => {
    for (;;) {
      const c = text[i];
      if (c === undefined) return true;
      if (/[0-9$,~+\s]/.test(c)) i++;
      else if (c === "/" || c === "\\") {
        const delimiter = c === "/" ? c : text[i + 1];
        i += c === "/" ? 1 : 2;
        if (delimiter === undefined || !delimited(delimiter, true)) return false;
        while (i < text.length && /[IM]/.test(text[i]!)) i++;
      } else return true;
    }
  };

  for (blanks(); i < text.length; blanks()) {
    if (!address()) return UNREADABLE;
    while (i < text.length && /[!\s]/.test(text[i]!)) i++;
    const c = text[i++];
    if (c === undefined) return null;
    if (c === "#") line();
    else if (c === "e") return "`e`";
    else if (c === "w" || c === "W") {
      const outside = writes();
      if (outside !== null) return outside;
    } else if (c === "s" || c === "y") {
      const delimiter = text[i++];
      if (delimiter === undefined || !delimited(delimiter, c === "s") || !delimited(delimiter, false))
        return UNREADABLE;
      while (c === "s" && i < text.length && /[a-zA-Z0-9]/.test(text[i]!)) {
        const flag = text[i++]!;
        if (flag === "e") return "the flag `e`";
        if (flag === "w") {
          const outside = writes();
          if (outside !== null) return outside;
          break;
        }
        if (!/[gpiImM0-9]/.test(flag)) return UNREADABLE;
      }
    } else if (/[aic]/.test(c)) {
      // its text goes on behind a line that ends in a backslash
      for (let text_line = line(); text_line.endsWith("\\") && i < text.length; ) text_line = line();
    } else if (/[rR]/.test(c)) line();
    else if (/[:btTv]/.test(c)) while (i < text.length && !/[;\n]/.test(text[i]!)) i++;
    else if (/[qQlL]/.test(c)) while (i < text.length && /[0-9 ]/.test(text[i]!)) i++;
    else if (!/[{}=dDgGhHnNpPxFz]/.test(c)) return UNREADABLE;
  }
  return null;
}

const UNREADABLE = "a script that policy cannot read";
