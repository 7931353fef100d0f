/**
 * What a program in awk can do beside reading and printing (gawk manual): start a line for a shell by `system(…)` or a
 * pipe, call a function by a name made at run time, load an extension. Null: nothing of that.
 */
export function readAwk(text: string): string | null {
  // whether `/` within `[…]` ends a regular expression is not the same in every awk
  return scan(text, true) ?? (text.includes("[") ? scan(text, false) : null);
}

function scan(text: string, brackets: boolean): string | null {
  /** What stands before decides whether `/` divides or begins a regular expression. */
  let value = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (/\s/.test(c)) {
      if (c === "\n") value = false;
      continue;
    }
    if (c === "\\") {
      i++;
      continue;
    }
    if (c === '"') {
      i = endOfString(text, i);
      value = true;
    } else if (c === "#") {
      const end = text.indexOf("\n", i);
      if (end < 0) return null;
      i = end - 1;
    } else if (c === "/" && !value) {
      i = endOfRegex(text, i, brackets);
      value = true;
    } else if (c === "|") {
      if (text[i + 1] !== "|") return "a pipe";
      i++;
      value = false;
    } else if (c === "@") return "`@`";
    else if (/[A-Za-z_]/.test(c)) {
      let end = i + 1;
      while (end < text.length && /\w/.test(text[end]!)) end++;
      const word = text.slice(i, end);
      if (word === "system") return "`system`";
      value = !KEYWORDS.has(word);
      i = end - 1;
    } else if (/[0-9.]/.test(c)) value = true;
    // `x++ / y` divides: what stands behind counts as much as what stands before
    else if ((c === "+" || c === "-") && text[i + 1] === c) i++;
    else value = c === ")" || c === "]" || c === "$";
  }
  return null;
}

const KEYWORDS = new Set(["in", "return", "print", "printf", "case", "else", "do", "delete", "exit"]);

function endOfString(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"' || text[i] === "\n") return i;
  }
  return text.length;
}

function endOfRegex(text: string, from: number, brackets: boolean): number {
  let open = -1;
  for (let i = from + 1; i < text.length; i++) {
    const c = text[i]!;
    if (c === "\\") i++;
    else if (c === "\n") return i;
    else if (brackets && open >= 0) {
      // `]` is itself where it comes first
      const first = i === open + 1 || (i === open + 2 && text[open + 1] === "^");
      if (c === "]" && !first) open = -1;
    } else if (brackets && c === "[") open = i;
    else if (c === "/") return i;
  }
  return text.length;
}
