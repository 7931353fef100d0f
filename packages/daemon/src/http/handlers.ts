import { type Actor, type Input, type JsonRouteName, type Reply, routes } from "orchestrator-core";
import type { Owner } from "../owner/owner.ts";
import { readSubmission } from "../submission.ts";
import { openApi } from "./openapi.ts";
import { ProblemError } from "orchestrator-core";
import { version } from "../version.ts";

/** What a handler knows of its request besides the input that the contract describes. */
export interface RequestContext {
  readonly actor: Actor;
  readonly idempotency_key: string | null;
  /** Aborted when the caller went away. */
  readonly signal: AbortSignal;
}

export type Handlers = {
  readonly [N in JsonRouteName]: (input: Input<N>, context: RequestContext) => Promise<Reply<N>>;
};

export interface HandlerOptions {
  readonly workspace_roots: readonly string[];
  readonly policy_digest: string;
  readonly store: string;
  readonly onStop: () => void;
}

/** One line a route: HTTP in, the owner's word out. Nothing here decides anything. */
export function makeHandlers(owner: Owner, options: HandlerOptions): Handlers {
  return {
    submitRun: async ({ body }, { actor, idempotency_key }) =>
      owner.submit(readSubmission(body, actor, idempotency_key, options.workspace_roots)),
    listRuns: async ({ query: { status, cursor, limit = 50 } }) =>
      status === "open" ? owner.listOpen(cursor, limit) : owner.list(cursor, limit),
    showRun: async ({ params }) => owner.show(params.run_id),
    showWorkflow: async ({ params }) => owner.showWorkflow(params.digest),
    why: async ({ params }) => owner.why(params.run_id, params.stage_id),
    decide: async ({ params, body }, { actor }) =>
      owner.decide(params.run_id, params.stage_id, { ...body, note: body.note ?? "", by: actor }),
    cancelRun: async ({ params, body }, { actor }) => owner.cancel(params.run_id, actor, body.note ?? ""),
    retryRun: async ({ params }, { actor }) => owner.retry(params.run_id, actor),
    query: async ({ body }) => ({ results: [...(await owner.query(body.surql))] }),
    claim: async ({ body }, { signal }) => ({ jobs: [...(await owner.claim(body, signal))] }),
    heartbeat: async ({ body }, { signal }) => owner.heartbeat(body, signal),
    complete: async ({ body }) => owner.complete(body),
    stop: async () => {
      options.onStop();
      return { stopping: true };
    },
    livez: async () => ({ status: "ok" }),
    readyz: async () => {
      const reason = owner.accepting;
      if (reason !== null) throw new ProblemError({ code: "not-accepting", message: reason });
      return { status: "ok" };
    },
    version: async () => ({
      version,
      node: process.version,
      store: options.store,
      policy_digest: options.policy_digest,
    }),
    openapi: async () => openApi(routes),
  };
}
