// The gate as a corpus of labelled commands sees it: for corpora whose scorer calls `(item) => "allowed" | "blocked"`.
// It hands the command, its variables and its set-up to what daemon and agent use, and looks at nothing else.
import { judgeWorkflow, parseWorkflow } from "orchestrator-core";

/** Answers of the gate by verdict, for whoever wants the share that asks. */
export const answers = { allow: 0, ask: 0, deny: 0 };

const count = (verdict) => {
  answers[verdict]++;
  return verdict;
};

/** The verdict on the words of a command alone: as a workflow file would carry it, by an operator. */
export function judgeSpec(command) {
  const parsed = parseWorkflow({ name: "case", stages: { case: { exec: [command] } } });
  return parsed.ok ? judgeWorkflow(parsed.value, "operator").verdict : "deny";
}

export default async function answer(item) {
  const command = item.block ?? { argv: item.argv, ...(item.env === undefined ? {} : { env: item.env }) };
  return count(judgeSpec(command)) === "allow" ? "allowed" : "blocked";
}
