import {
  type HttpReply,
  type HttpRequest,
  type JsonRouteName,
  ProblemError,
  type Recorded,
  type Role,
  type Route,
  type RouteName,
  roles,
  routes,
} from "orchestrator-core";
import { documentOf, type Flaw, type Handlers, makeForm, type Owner } from "orchestrator-daemon/parts";
import type { Caller } from "./net.ts";
import { Dead, type Scope } from "./scheduler.ts";
import type { World } from "./world.ts";

/**
 * Stands where the HTTP server does: finds the route, checks role and form by the same contract, calls the daemon's
 * own handler, and turns what it throws into a problem. Every answer passes by the checkers before it leaves.
 */
export class Gateway {
  readonly #world: World;
  readonly #scope: Scope;
  readonly #owner: Owner;
  readonly #handlers: Handlers;

  constructor(world: World, scope: Scope, owner: Owner, handlers: Handlers) {
    this.#world = world;
    this.#scope = scope;
    this.#owner = owner;
    this.#handlers = handlers;
  }

  async handle(request: HttpRequest, signal: AbortSignal, caller: Caller): Promise<HttpReply> {
    try {
      const { name, route, params, query } = find(request);
      const role = roleOf(request, route);
      const body: unknown = route.method === "POST" ? JSON.parse(request.body ?? "null") : undefined;
      check(name, "params", params);
      check(name, "query", query);
      check(name, "body", body);
      const handler = this.#handlers[name as JsonRouteName] as (input: unknown, context: unknown) => Promise<unknown>;
      const idempotency_key = request.headers["idempotency-key"] ?? null;
      const context = { actor: { role, name: role }, idempotency_key, signal };
      const value = await handler({ params, query, body }, context);
      const text = JSON.stringify(value);
      if (this.#scope.alive) {
        const shown: unknown = JSON.parse(text);
        const flaws = form(name, "reply")(shown);
        if (flaws.length > 0) this.#world.violation("contract", `${name}: ${JSON.stringify(flaws[0])}`);
        this.#world.answers.check({ name, params, body, value: shown, idempotency_key, caller });
      }
      return { status: route.status, body: text };
    } catch (error) {
      const document = documentOf(error);
      if (document.code === "internal" && !(error instanceof Dead) && this.#scope.alive) {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.#world.violation("internal", `${request.path}: ${text}`);
      }
      return { status: document.status, body: JSON.stringify(document) };
    }
  }

  /** The events of a run, as its stream sends them. */
  async *events(run_id: string, after_seq: number, signal: AbortSignal): AsyncGenerator<readonly Recorded[]> {
    for await (const portion of this.#owner.events(run_id, after_seq, signal)) {
      if (this.#scope.alive) for (const event of portion) this.#world.answers.event(run_id, event);
      yield portion;
    }
  }
}

interface Found {
  readonly name: RouteName;
  readonly route: Route;
  readonly params: Readonly<Record<string, string>> | undefined;
  readonly query: Readonly<Record<string, unknown>> | undefined;
}

const table = (Object.entries(routes) as [RouteName, Route][])
  .filter(([, route]) => route.media === undefined)
  .map(([name, route]) => ({
    name,
    route,
    pattern: new RegExp(`^${route.path.replaceAll(".", "\\.").replace(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`),
  }));

function find(request: HttpRequest): Found {
  const [path = "", search] = request.path.split("?", 2);
  for (const { name, route, pattern } of table) {
    if (route.method !== request.method) continue;
    const match = pattern.exec(path);
    if (match === null) continue;
    const params = Object.fromEntries(
      Object.entries(match.groups ?? {}).map(([key, value]) => [key, decodeURIComponent(value ?? "")]),
    );
    const query = Object.fromEntries(
      [...new URLSearchParams(search ?? "")].map(([key, value]) => [key, Number(value)]),
    );
    return { name, route, params: route.params ? params : undefined, query: route.query ? query : undefined };
  }
  throw new ProblemError({ code: "route-unknown", message: request.path });
}

function roleOf({ headers }: HttpRequest, route: Route): Role {
  const token = headers.authorization?.replace("Bearer ", "");
  const role = roles.find((known) => known === token);
  if (route.roles === null) return role ?? "operator";
  if (role === undefined) throw new ProblemError({ code: "unauthorized", message: "no valid token" });
  if (!route.roles.includes(role)) throw new ProblemError({ code: "forbidden", message: `not for a ${role}` });
  return role;
}

const forms = new Map<string, (value: unknown) => readonly Flaw[]>();

function form(name: RouteName, part: "params" | "query" | "body" | "reply"): (value: unknown) => readonly Flaw[] {
  const key = `${name} ${part}`;
  let known = forms.get(key);
  if (known === undefined) {
    const schema = (routes[name] as Route)[part];
    known = schema === undefined ? () => [] : makeForm(schema);
    forms.set(key, known);
  }
  return known;
}

function check(name: RouteName, part: "params" | "query" | "body", value: unknown): void {
  if (value === undefined) return;
  const [flaw] = form(name, part)(value);
  if (flaw === undefined) return;
  throw new ProblemError({ code: "bad-request", message: `${part}${flaw.path}: ${flaw.message}` });
}
