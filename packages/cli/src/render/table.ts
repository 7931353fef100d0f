import { padEnd, padStart, width } from "./text.ts";

export interface Column {
  readonly title: string;
  readonly right?: boolean;
  /** Applied after padding, so that colours do not count as width. */
  readonly paint?: (text: string, value: string) => string;
}

/** Lines of a table: two spaces between columns, none at the end of a line. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map(({ title }, i) => Math.max(width(title), ...rows.map((row) => width(row[i] ?? ""))));
  const line = (cells: readonly string[], painted: boolean): string => {
    // trailing blanks are left out before anything is painted
    let last = cells.length - 1;
    while (last > 0 && cells[last] === "") last--;
    return columns
      .slice(0, last + 1)
      .map((column, i) => {
        const value = cells[i] ?? "";
        const text = column.right ? padStart(value, widths[i]!) : i === last ? value : padEnd(value, widths[i]!);
        return painted && column.paint ? column.paint(text, value) : text;
      })
      .join("  ");
  };
  return [
    line(
      columns.map(({ title }) => title),
      false,
    ),
    ...rows.map((row) => line(row, true)),
  ];
}
