import { isUlid, type RunSummary } from "orchestrator-core";
import { problemError } from "../errors.ts";
import type { Link } from "./link.ts";

/** Of a part of an id. */
const PART_LENGTH_MIN = 4;
const PAGE = 200;

/** The sign is for people who write it; a number never begins with 0, as ids do. */
const NUMBER = /^#?([1-9][0-9]{0,14})$/;

/** How a person may name a run: for help and hints. */
export const RUN_FORMS =
  `a run is named by its number (12), its id, at least ${PART_LENGTH_MIN} characters of the id's end or beginning, or \`latest\`; ` +
  "see them: orchestrator ls";

/**
 * The id of the run that a person means. Ids begin with the time, so runs of one day share their beginnings: the number
 * and the end are the short ways. What reads as a number always is one: a name never changes its meaning.
 */
export async function findRun(link: Link, wanted: string): Promise<string> {
  if (wanted === "latest") {
    const [run] = (await link.call("listRuns", { query: { limit: 1 } })).runs;
    if (run === undefined) throw noRunYet();
    return run.run_id;
  }
  const number = Number(NUMBER.exec(wanted)?.[1]);
  if (number > 0) {
    // newest first: the first below the next number
    const [run] = (await link.call("listRuns", { query: { cursor: number + 1, limit: 1 } })).runs;
    if (run?.run_number !== number) throw problemError("run-unknown", `there is no run number ${number}`, RUN_FORMS);
    return run.run_id;
  }
  if (isUlid(wanted.toUpperCase())) return wanted.toUpperCase();
  const ids: string[] = [];
  for await (const { run_id } of everyRun(link)) ids.push(run_id);
  return chooseId(wanted, ids);
}

/** The same where only the ids of bundles' directories are known. */
export function chooseRun(wanted: string, ids: readonly string[]): string {
  if (wanted === "latest") {
    // ULIDs sort by time
    const newest = [...ids].sort().at(-1);
    if (newest === undefined) throw noRunYet();
    return newest;
  }
  if (NUMBER.test(wanted)) {
    const hint = `give its id, at least ${PART_LENGTH_MIN} characters of the id's end or beginning, or \`latest\``;
    throw problemError("run-unknown", "a run's number stands in the journal, which is not read here", hint);
  }
  if (isUlid(wanted.toUpperCase())) return wanted.toUpperCase();
  return chooseId(wanted, ids);
}

/** The one of `ids` that ends or begins like `wanted`. */
export function chooseId(wanted: string, ids: readonly string[]): string {
  const part = wanted.toUpperCase();
  const found = part.length < PART_LENGTH_MIN ? [] : ids.filter((id) => id.endsWith(part) || id.startsWith(part));
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw problemError("run-unknown", `no run is named \`${wanted}\``, RUN_FORMS);
  const some = found.slice(0, 5).join(", ");
  throw problemError(
    "run-ambiguous",
    `${found.length} runs' ids begin or end with \`${wanted}\`: ${some}${found.length > 5 ? " …" : ""}`,
    "give more characters of the one you mean, or its number",
  );
}

const noRunYet = () => problemError("run-unknown", "there is no run yet", "start one: orchestrator run FILE");

/** Every run, newest first, page by page. */
export async function* everyRun(link: Link): AsyncGenerator<RunSummary> {
  let cursor: number | null = null;
  do {
    const page: { runs: RunSummary[]; next: number | null } = await link.call("listRuns", {
      query: { limit: PAGE, ...(cursor === null ? {} : { cursor }) },
    });
    yield* page.runs;
    cursor = page.next;
  } while (cursor !== null);
}
