/** The words of a table's example: split at blanks, with quotes, and with every other character as it stands. */
const wordsOf = (example) =>
  typeof example === "string"
    ? (example.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []).map((word) => word.replace(/'([^']*)'|"([^"]*)"/g, "$1$2"))
    : [...example];

export const examplesOf = (rows, kind) => rows.flatMap((row) => row[kind].map(wordsOf));
