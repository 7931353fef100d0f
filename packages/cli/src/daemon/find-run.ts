import { isUlid, type RunSummary } from "orchestrator-core";
import { problemError, usageError } from "../errors.ts";
import type { Link } from "./link.ts";

const PREFIX_LENGTH_MIN = 4;
const PAGE = 200;

/** The id that a person means: a whole one, a beginning of at least four characters that only it has, or `latest`. */
export async function findRun(link: Link, wanted: string): Promise<string> {
  if (wanted === "latest") {
    const [run] = (await link.call("listRuns", { query: { limit: 1 } })).runs;
    if (run === undefined) throw problemError("run-unknown", "there is no run yet", "start one: orchestrator run FILE");
    return run.run_id;
  }
  if (isUlid(wanted.toUpperCase())) return wanted.toUpperCase();
  const ids: string[] = [];
  for await (const { run_id } of everyRun(link)) ids.push(run_id);
  return chooseRun(wanted, ids);
}

/** The one of `ids` that begins like `wanted`. */
export function chooseRun(wanted: string, ids: readonly string[]): string {
  if (wanted === "latest") {
    // ULIDs sort by time
    const newest = [...ids].sort().at(-1);
    if (newest === undefined) throw problemError("run-unknown", "there is no run yet");
    return newest;
  }
  if (wanted.length < PREFIX_LENGTH_MIN) {
    throw usageError(
      `\`${wanted}\` is too short for the beginning of a run's id`,
      `give at least ${PREFIX_LENGTH_MIN} characters, or \`latest\``,
    );
  }
  const found = ids.filter((id) => id.startsWith(wanted.toUpperCase()));
  if (found.length === 1) return found[0]!;
  if (found.length === 0) {
    throw problemError("run-unknown", `no run's id begins with \`${wanted}\``, "see them all: orchestrator ls");
  }
  const some = found.slice(0, 5).join(", ");
  throw problemError(
    "run-ambiguous",
    `${found.length} runs begin with \`${wanted}\`: ${some}${found.length > 5 ? " …" : ""}`,
    "give more characters of the one you mean",
  );
}

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
