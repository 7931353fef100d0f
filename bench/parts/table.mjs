// Rows of the table. A work's round gives numbers by name; a figure says which of them is ours and what stands beside it.

export const tableHead = "|  | work | unit | ours | beside it | ratio | goal |\n|---|---|---|---|---|---|---|";

export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

export const percentile = (values, p) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * p))];

const text = (value, digits) =>
  value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

const shown = (values, digits) =>
  values.length === 1
    ? text(values[0], digits)
    : `${text(median(values), digits)} [${text(Math.min(...values), digits)}-${text(Math.max(...values), digits)}]`;

/**
 * figure: {
 *   key, what, unit, digits,
 *   beside: [{ key, name }],        what it is compared with; peers are added by their own keys, `peer NAME KEY`
 *   goal: { of: "ratio" | "value", max | min },   of the ratio to the first of `beside`, or of the value itself
 *   ahead_of: NAME,                 of a peer, by a ratio above 1
 *   gross: { max | min },           of that ratio: what a smoke run takes for a regression
 * }
 */
export function tableRow(work, figure, rounds, bench) {
  const { key, what, unit, digits = 0, beside = [], goal = null } = figure;
  const ours = rounds.map((round) => round[key]);
  const besides = [
    ...beside,
    ...bench.peers
      .map(({ name }) => ({ key: `peer ${name} ${key}`, name }))
      .filter((peer) => rounds.every((round) => round[peer.key] !== undefined)),
  ];
  const name = what === undefined ? work.what(bench) : `${work.what(bench)}: ${what}`;
  const first = besides[0] === undefined ? null : ratioTo(rounds, ours, besides[0].key);
  const judged = goal === null ? null : goal.of === "ratio" ? first : ours;
  const met =
    judged === null
      ? ""
      : `${bound(goal)}${goal.of === "value" ? ` ${unit}` : ""}: ${within(median(judged), goal) ? "met" : "not met"}`;
  const lines = [row(work.id, name, unit, shown(ours, digits), ...side(besides[0], rounds, first, digits), met)];
  for (const other of besides.slice(1)) {
    lines.push(row("", "", "", "", ...side(other, rounds, ratioTo(rounds, ours, other.key), digits), ""));
  }
  const gross =
    figure.gross === undefined || first === null || within(median(first), figure.gross)
      ? null
      : `${work.id} ${name}: ${text(median(first), 2)} x its floor, beyond ${bound(figure.gross)}: a gross regression`;
  return { lines, gross };
}

const ratioTo = (rounds, ours, key) => ours.map((value, i) => value / rounds[i][key]);

const side = (beside, rounds, ratio, digits) =>
  beside === undefined
    ? ["", ""]
    : [
        `${beside.name} ${shown(
          rounds.map((r) => r[beside.key]),
          digits,
        )}`,
        shown(ratio, 2),
      ];

const within = (value, { max = Number.POSITIVE_INFINITY, min = Number.NEGATIVE_INFINITY }) =>
  value <= max && value >= min;

const bound = ({ max, min }) => (max === undefined ? `>= ${min}` : `<= ${max}`);

const row = (...cells) => `| ${cells.join(" | ")} |`;
