import { NoAnswer, type Recorded } from "orchestrator-core";
import { noAnswer } from "./http.ts";
import type { Link } from "./link.ts";

/**
 * The events of a run after `after_seq`, in order, until the daemon ends the stream (the run settled) or `signal`
 * is aborted. Throws `NoAnswer` where the connection is cut: resume after the last event that came.
 */
export async function* runEvents(
  link: Link,
  run_id: string,
  after_seq: number,
  signal: AbortSignal,
): AsyncGenerator<Recorded> {
  try {
    const body = await link.stream("runEvents", { params: { run_id } }, { "last-event-id": String(after_seq) }, signal);
    body.setEncoding("utf8");
    for await (const data of eventData(body as AsyncIterable<string>)) yield JSON.parse(data) as Recorded;
    if (!body.complete) throw new NoAnswer("the event stream was cut");
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof Error && error.name === "ProblemError" ? error : noAnswer(error);
  }
}

/**
 * The `data` of each event of an event stream (WHATWG HTML, 9.2.6). Ids need no reading: our data holds `seq`.
 * An event that the end cut off is left out, as the standard wants it.
 */
export async function* eventData(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = "";
  let data: string[] = [];
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield data.join("\n");
        data = [];
      } else if (line.startsWith("data:")) {
        data.push(line.slice(line[5] === " " ? 6 : 5));
      }
    }
  }
}
