type Paint = (text: string) => string;

/** Colours, or none. A colour always stands beside a word that says the same. */
export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly blue: Paint;
}

export function style(enabled: boolean): Style {
  const paint =
    (on: number, off: number) =>
    (text: string): string =>
      enabled && text !== "" ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    blue: paint(34, 39),
  };
}

/** The colour of a status of a run, a stage or a bundle. */
export function paintStatus({ red, green, yellow, blue, dim }: Style, status: string, text = status): string {
  switch (status) {
    case "succeeded":
    case "intact":
      return green(text);
    case "failed":
    case "tampered":
    case "quarantined":
      return red(text);
    case "needs_human":
    case "cancelled":
    case "incomplete":
      return yellow(text);
    case "running":
      return blue(text);
    default:
      return dim(text);
  }
}

/** The colour of what policy says. */
export function paintVerdict({ red, green, yellow }: Style, verdict: "allow" | "ask" | "deny"): string {
  const paint = { allow: green, ask: yellow, deny: red }[verdict];
  return paint(verdict.padEnd(5));
}
