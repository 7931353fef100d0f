import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtInPolicy, type ProblemDocument, type Role, type Route, type RouteName, routes } from "orchestrator-core";
import { type Audit, openAudit } from "../../src/audit/log.ts";
import { type Freeze, openFreeze } from "../../src/freeze.ts";
import { makeHandlers } from "../../src/http/handlers.ts";
import { makeServer } from "../../src/http/server.ts";
import { makeTokens } from "../../src/http/tokens.ts";
import { realClock } from "../../src/ports.ts";
import { prepareState, readToken } from "../../src/state.ts";
import { World } from "../owner/world.ts";

export const ULID = "01J00000000000000000000000";

/** A real server on loopback, with an owner on a store in memory. */
export interface Edge {
  readonly state: string;
  readonly world: World;
  readonly url: string;
  readonly port: number;
  readonly freeze: Freeze;
  readonly audit: Audit;
  readonly server: ReturnType<typeof makeServer>;
  readonly internal: unknown[];
  ask(asked: Asked): Promise<Answer>;
  /** What stands in the audit log by now. */
  audited(): Record<string, unknown>[];
  close(): Promise<void>;
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  /** Null: no token. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly problem: ProblemDocument;
}

export async function openEdge(): Promise<Edge> {
  const state = mkdtempSync(join(tmpdir(), "daemon-http-"));
  prepareState(state);
  const freeze = openFreeze(state);
  const world = await World.open();
  world.frozen = () => freeze.now;
  const internal: unknown[] = [];
  const directory = join(state, "audit");
  const audit = openAudit(directory, { clock: realClock, onError: (error) => internal.push(error) });
  const tokens = makeTokens(state, () => {});
  const handlers = makeHandlers(world.owner, {
    workspace_roots: [state],
    policy: { of: () => builtInPolicy },
    store: "memory",
    freeze,
    tokens,
    onStop: () => {},
  });
  const server = makeServer(world.owner, handlers, {
    state,
    tokens,
    audit,
    listen_host: "127.0.0.1",
    allow_hosts: [],
    tls: null,
    backup: async (response) => void response.end(),
    onError: (error) => internal.push(error),
  });
  const url = await server.listen({ host: "127.0.0.1", port: 0 });
  const port = Number(new URL(url).port);
  return {
    state,
    world,
    url,
    port,
    freeze,
    audit,
    server,
    internal,
    ask: (asked) => ask(port, asked),
    audited: () =>
      readdirSync(directory)
        .sort()
        .flatMap((file) => readFileSync(join(directory, file), "utf8").split("\n").filter(Boolean))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    async close() {
      await world.owner.close();
      await server.close();
      await audit.close();
      rmSync(state, { recursive: true, force: true });
    },
  };
}

/** Sends a request as it stands: `fetch` would set headers of its own, and mend paths. */
function ask(port: number, { method, path, token = null, headers = {}, body }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port,
        method,
        path,
        agent: false,
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined
            ? {}
            : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
          ...headers,
        },
      },
      (reply) => {
        let text = "";
        reply.setEncoding("utf8");
        reply.on("data", (part: string) => {
          text += part;
        });
        reply.on("end", () =>
          resolve({
            status: reply.statusCode ?? 0,
            headers: reply.headers,
            text,
            get problem() {
              return JSON.parse(text) as ProblemDocument;
            },
          }),
        );
        reply.on("error", reject);
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

export const tokenOf = (state: string, role: Role): string => readToken(state, role);

export const everyRoute = Object.entries(routes) as [RouteName, Route][];

/** The route's path with parameters that have the right form and name nothing. */
export const pathOf = (route: Route): string =>
  route.path
    .replace("{stage_id}", "a")
    .replace("{digest}", "0".repeat(64))
    .replace("{name}", "manifest.json")
    .replace(/\{(run_id|exec_id)\}/g, ULID);
