import {
  type Actor,
  type Frozen,
  type Input,
  type JsonRouteName,
  ProblemError,
  type Reply,
  routes,
  version,
} from "orchestrator-core";
import type { Freeze } from "../freeze.ts";
import type { Owner } from "../owner/owner.ts";
import type { MachinePolicy } from "../policy.ts";
import { readSubmission } from "../submission.ts";
import { openApi } from "./openapi.ts";
import type { Tokens } from "./tokens.ts";

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
  readonly policy: MachinePolicy;
  readonly store: string;
  readonly freeze: Freeze;
  readonly tokens: Pick<Tokens, "list" | "create" | "revoke">;
  readonly onStop: () => void;
}

/** One line a route: HTTP in, the owner's word out. Nothing here decides anything. */
export function makeHandlers(owner: Owner, options: HandlerOptions): Handlers {
  return {
    submitRun: async ({ body }, { actor, idempotency_key }) =>
      owner.submit(readSubmission(body, actor, idempotency_key, options.workspace_roots, options.policy, Date.now())),
    listRuns: async ({ query: { status, cursor, limit = 50 } }) =>
      status === "open" ? owner.listOpen(cursor, limit) : owner.list(cursor, limit),
    showRun: async ({ params }) => owner.show(params.run_id),
    showWorkflow: async ({ params }) => owner.showWorkflow(params.digest),
    why: async ({ params }) => owner.why(params.run_id, params.stage_id),
    decide: async ({ params, body }, { actor }) =>
      owner.decide(params.run_id, params.stage_id, { ...body, note: body.note ?? "", by: actor }),
    cancelRun: async ({ params, body }, { actor }) => {
      await mustBeOwn(owner, params.run_id, actor);
      return owner.cancel(params.run_id, actor, body.note ?? "");
    },
    retryRun: async ({ params }, { actor }) => {
      await mustBeOwn(owner, params.run_id, actor);
      return owner.retry(params.run_id, actor);
    },
    query: async ({ body }) => ({ results: [...(await owner.query(body.surql))] }),
    claim: async ({ body }, { signal }) => ({ jobs: [...(await owner.claim(body, signal))] }),
    heartbeat: async ({ body }, { signal }) => owner.heartbeat(body, signal),
    complete: async ({ body }) => owner.complete(body),
    stop: async () => {
      options.onStop();
      return { stopping: true };
    },
    showFreeze: async () => frozenReply(options.freeze),
    freeze: async ({ body }, { actor }) => {
      options.freeze.set({ by: actor, at: new Date().toISOString(), note: body.note ?? "" });
      if (body.cancel === true) await owner.cancelRunning(actor, body.note ?? "");
      return frozenReply(options.freeze);
    },
    unfreeze: async () => {
      options.freeze.set(null);
      owner.offer();
      return frozenReply(options.freeze);
    },
    listTokens: async () => ({ tokens: options.tokens.list().map(({ role, name }) => ({ role, name: name ?? "" })) }),
    createToken: async ({ body: { role, name } }) => ({ role, name, token: options.tokens.create(role, name) }),
    revokeToken: async ({ body: { role, name } }) => {
      options.tokens.revoke(role, name);
      return { role, name };
    },
    livez: async () => ({ status: "ok" }),
    readyz: async () => {
      const reason = owner.accepting;
      if (reason !== null) throw new ProblemError({ code: "not-accepting", message: reason });
      return { status: "ok", frozen_since: options.freeze.now?.at ?? null };
    },
    version: async () => ({
      version,
      node: process.version,
      store: options.store,
      policy_digest: options.policy.of(null).digest,
    }),
    openapi: async () => openApi(routes),
  };
}

const frozenReply = ({ now }: Freeze): { frozen: Frozen | null } => ({ frozen: now });

/** A proposer steers what it submitted itself, and nothing else. */
async function mustBeOwn(owner: Owner, run_id: string, { role, name }: Actor): Promise<void> {
  if (role !== "proposer") return;
  const { by } = (await owner.show(run_id)).run;
  if (by.role === role && by.name === name) return;
  throw new ProblemError({
    code: "forbidden",
    message: `run ${run_id} was submitted by the ${by.role} ${by.name}, and a proposer may steer its own runs only`,
  });
}
