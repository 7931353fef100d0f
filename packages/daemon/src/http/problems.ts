import { type Problem, ProblemError, type ProblemDocument, problemDocument } from "orchestrator-core";
import { CommitFailed, QueryFailed } from "../store/store.ts";

/** Whatever went wrong, as a problem document. What is nobody's mistake but ours shows no details. */
export function documentOf(error: unknown): ProblemDocument {
  if (error instanceof ProblemError) return problemDocument(error.problems);
  if (error instanceof CommitFailed) {
    return problemDocument([
      {
        code: "outcome-unknown",
        message: "the store did not say whether this was stored; the daemon restarts and reads it again",
        hint: "ask again: the same request with the same Idempotency-Key or request_id is carried out once",
      },
    ]);
  }
  if (error instanceof QueryFailed) return single("query-invalid", error.message);
  const { code, statusCode, message } = error as { code?: string; statusCode?: number; message?: string };
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE")
    return single("body-too-large", "the request's body is larger than this route takes");
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") return single("media-type-unknown", message ?? "");
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return single("bad-request", message ?? "bad request");
  return single("internal", "the daemon made a mistake; its log says more");
}

const single = (code: Problem["code"], message: string): ProblemDocument => problemDocument([{ code, message }]);

/** What Node's own parser refused, before there was a request. */
export function documentOfClientError(code: string | undefined): ProblemDocument {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return single("request-timeout", "the whole request was not here in time");
    case "HPE_HEADER_OVERFLOW":
      return single("headers-too-large", "the request's headers are larger than 16 KiB");
    default:
      return single("bad-request", "this is no HTTP/1.1 request");
  }
}
