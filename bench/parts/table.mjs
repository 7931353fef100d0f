// Rows of the table. A work's round gives numbers by name; a figure says which of them is ours and what stands beside it.

export const tableHead = "|  | work | unit | ours | beside it | ratio | goal |\n|---|---|---|---|---|---|---|";

export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

export const percentile = (values, p) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * p))];

/** A count, as people read it. */
export const whole = (count) => count.toLocaleString("en-US");

const text = (value, digits) =>
  value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

const shown = (values, digits) =>
  values.length === 1
    ? text(values[0], digits)
    : `${text(median(values), digits)} [${text(Math.min(...values), digits)}-${text(Math.max(...values), digits)}]`;

/**
 * figure: {
 *   key, what, unit, digits,
 *   beside: { key, name },          what it is held against; peers follow by their own keys, `peer NAME KEY`
 *   goal: { of: "ratio" | "value", max | min },   of the ratio to what stands beside it, or of the value itself
 *   ahead_of: NAME                  the goal is to be faster than this peer, too; only for rates
 *   gross: { max | min },           of the ratio: what a smoke run takes for a regression
 * }
 * `gross` in the answer: what to say of a gross regression, or null.
 */
export function tableRow(work, figure, rounds, bench) {
  const { key, what, unit, digits = 0, beside = null, goal = null, ahead_of = null, gross = null } = figure;
  const ours = rounds.map((round) => round[key]);
  const ratioTo = (other) => ours.map((value, i) => value / rounds[i][other]);
  const ratio = beside === null ? null : ratioTo(beside.key);

  const name = what === undefined ? work.what(bench) : `${work.what(bench)}: ${what}`;
  const side = (other) => [
    `${other.name} ${shown(
      rounds.map((round) => round[other.key]),
      digits,
    )}`,
    shown(ratioTo(other.key), 2),
  ];
  const judged = goal === null ? "" : judge(goal.of === "ratio" ? ratio : ours, goal, goal.of === "ratio" ? "" : unit);
  const lines = [row(work.id, name, unit, shown(ours, digits), ...(beside === null ? ["", ""] : side(beside)), judged)];
  for (const { name: peer } of bench.peers) {
    const other = { name: peer, key: `peer ${peer} ${key}` };
    if (rounds.some((round) => round[other.key] === undefined)) continue;
    lines.push(row("", "", "", "", ...side(other), peer === ahead_of ? judge(ratioTo(other.key), { min: 1 }, "") : ""));
  }

  const is_gross = gross !== null && !within(median(ratio), gross);
  const far = () =>
    `${work.id} ${name}: ${text(median(ratio), 2)} x what stands beside it, beyond ${bound(gross)}: a gross regression`;
  return { lines, gross: is_gross ? far() : null };
}

const judge = (values, goal, unit) =>
  `${`${bound(goal)} ${unit}`.trim()}: ${within(median(values), goal) ? "met" : "not met"}`;

const within = (value, { max = Number.POSITIVE_INFINITY, min = Number.NEGATIVE_INFINITY }) =>
  value <= max && value >= min;

const bound = ({ max, min }) => (max === undefined ? `>= ${whole(min)}` : `<= ${whole(max)}`);

const row = (...cells) => `| ${cells.join(" | ")} |`;
