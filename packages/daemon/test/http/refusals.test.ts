import { connect } from "node:net";
import { type Role, roles, type Route } from "orchestrator-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeToken } from "../../src/state.ts";
import { type Asked, type Edge, everyRoute, openEdge, pathOf, tokenOf, ULID } from "./edge.ts";

let edge: Edge;
beforeAll(async () => {
  edge = await openEdge();
});
afterAll(() => edge.close());

const MIB = 1024 * 1024;
const FORGED = "x".repeat(43);
const anyone = (route: Route): Role => route.roles?.[0] ?? "viewer";
const bodyOf = (route: Route): { body: string } | Record<string, never> =>
  route.method === "POST" ? { body: "{}" } : {};

/** What the table says of a route, as a request that would be let in at the door. */
const asked = (route: Route, more: Partial<Asked> = {}): Asked => ({
  method: route.method,
  path: pathOf(route),
  token: tokenOf(edge.state, anyone(route)),
  ...bodyOf(route),
  ...more,
});

async function refused(request: Asked, status: number, code: string): Promise<void> {
  const { problem, headers, status: got } = await edge.ask(request);
  expect([request.method, request.path, got, problem.code]).toEqual([request.method, request.path, status, code]);
  expect(headers["content-type"]).toContain("application/problem+json");
  expect(headers["access-control-allow-origin"]).toBeUndefined();
}

test("the router holds the routes of the contract, and no other", () => {
  const lines = edge.server.printRoutes({ commonPrefix: false }).split("\n");
  const found: string[] = [];
  const path: string[] = [];
  for (const line of lines) {
    const match = /^((?:│ {3}| {4})*)[└├]── (\S+?)(?: \(([A-Z, ]+)\))?$/.exec(line);
    if (match === null) continue;
    path.length = match[1]!.length / 4;
    path.push(match[2]!);
    for (const method of match[3]?.split(", ") ?? []) found.push(`${method} ${path.join("")}`);
  }
  const known = everyRoute.map(([, { method, path: at }]) => `${method} ${at.replace(/\{(\w+)\}/g, ":$1")}`);
  expect(found.sort()).toEqual(known.sort());
});

test("a route that stands in no table cannot be added", async () => {
  const other = await openEdge();
  await other.close();
  const { makeServer } = await import("../../src/http/server.ts");
  const bare = makeServer(other.world.owner, {} as never, {
    state: other.state,
    tokens: { find: () => null, list: () => [], create: () => "", revoke: () => {} },
    audit: other.audit,
    listen_host: "127.0.0.1",
    allow_hosts: [],
    tls: null,
    backup: async () => {},
    onError: () => {},
  });
  expect(() => bare.get("/new", () => "hello")).toThrow("nobody says who may call it");
});

describe.each(everyRoute)("%s", (_name, route) => {
  const closed = test.skipIf(route.roles === null);

  closed("takes no request without a valid token", async () => {
    await refused(asked(route, { token: null }), 401, "unauthorized");
    await refused(asked(route, { token: FORGED }), 401, "unauthorized");
    await refused(asked(route, { token: null, headers: { authorization: "Basic b3A6b3A=" } }), 401, "unauthorized");
  });

  closed("takes no token of another role", async () => {
    for (const role of roles.filter((one) => !route.roles!.includes(one)))
      await refused(asked(route, { token: tokenOf(edge.state, role) }), 403, "forbidden");
  });

  test("takes no request that is addressed to somebody else", async () => {
    const others = ["evil.example", `evil.example:${edge.port}`, `127.0.0.1.evil.example:${edge.port}`, "localhost"];
    for (const host of [...others, `localhost:${edge.port + 1}`, `localhost:${edge.port}@evil.example`, "127.1"])
      await refused(asked(route, { headers: { host } }), 421, "host-unknown");
  });

  test("takes no request of a foreign web page", async () => {
    const origins = [
      "http://evil.example",
      "null",
      `http://localhost:${edge.port + 1}`,
      `https://localhost:${edge.port}`,
    ];
    for (const origin of origins) await refused(asked(route, { headers: { origin } }), 403, "origin-foreign");
    for (const site of ["cross-site", "same-site"])
      await refused(asked(route, { headers: { "sec-fetch-site": site } }), 403, "origin-foreign");
  });

  test.skipIf(route.method !== "POST")("takes no body that a form could send, and none that is too large", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
      await refused(asked(route, { headers: { "content-type": type } }), 415, "media-type-unknown");
    const large = String((route.body_bytes_max ?? MIB) + 1);
    // refused by the length that it declares: nothing of it is read
    await refused(asked(route, { body: "{}", headers: { "content-length": large } }), 413, "body-too-large");
  });

  test.skipIf(!route.path.includes("{"))("takes no id that leads elsewhere", async () => {
    for (const id of ["..%2f..%2fetc%2fpasswd", "..", "%2e%2e", "%00", "a%0ab", "x".repeat(200), "%E0%A4%A"]) {
      for (const parameter of route.path.match(/\{\w+\}/g)!) {
        const path = pathOf({ ...route, path: route.path.replace(parameter, id) });
        const { status, problem } = await edge.ask(asked(route, { path }));
        expect([path, status], problem.code).toEqual([
          path,
          expect.toSatisfy((got: number) => [400, 404, 414].includes(got)),
        ]);
      }
    }
  });
});

test("what the parser refuses is a problem, too", async () => {
  const say = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      let answer = "";
      const socket = connect(edge.port, "127.0.0.1", () => socket.write(text));
      socket.on("data", (part) => {
        answer += part.toString();
      });
      socket.on("close", () => resolve(answer));
      socket.on("error", reject);
    });
  const host = `Host: localhost:${edge.port}\r\nConnection: close`;
  expect(await say("nonsense\r\n\r\n")).toMatch(/^HTTP\/1.1 400 [^]*"code":"bad-request"/);
  expect(await say(`GET / HTTP/1.1\r\n${host}\r\nX: ${"x".repeat(20_000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1.1 431 [^]*"code":"headers-too-large"/,
  );
  expect(await say("GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n")).toMatch(/^HTTP\/1.1 421 /);
  expect(await say(`GET http://evil.example/livez HTTP/1.1\r\n${host}\r\n\r\n`)).toMatch(/^HTTP\/1.1 421 /);
  expect(await say(`GET /v1/runs HTTP/1.1\r\n${host}\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n`)).toMatch(
    /^HTTP\/1.1 401 /,
  );
});

test("our own names and our own pages are let in", async () => {
  const names = [`localhost:${edge.port}`, `127.0.0.1:${edge.port}`, `[::1]:${edge.port}`, `LOCALHOST:${edge.port}`];
  for (const host of names) {
    const headers = { host, origin: `http://${host}`, "sec-fetch-site": "same-origin" };
    expect((await edge.ask({ method: "GET", path: "/livez", headers })).status).toBe(200);
  }
});

describe("the token of one agent", () => {
  const held = { run_id: ULID, stage_id: "a", exec_id: ULID, fence: 1 };
  const bodies = (agent_id: string): Readonly<Record<string, object>> => ({
    claim: { agent_id, request_id: "r", jobs_max: 1, wait_ms: 0, labels: [] },
    heartbeat: { agent_id, execs: [held], wait_ms: 0 },
    complete: { agent_id, request_id: "c", completions: [{ ...held, report: { kind: "lost" } }] },
  });

  test("speaks for that agent, and for no other", async () => {
    const token = writeToken(edge.state, "agent", "a.1")!;
    const known = async () => (await edge.ask({ method: "GET", path: "/version", token })).status;
    await expect.poll(known, { timeout: 5_000 }).toBe(200);
    for (const [name, body] of Object.entries(bodies("a.1"))) {
      const path = `/v1/agent/${name}`;
      const mine = await edge.ask({ method: "POST", path, token, body: JSON.stringify(body) });
      expect([name, mine.status]).toEqual([name, 200]);
      await refused({ method: "POST", path, token, body: JSON.stringify(bodies("a.2")[name]) }, 403, "forbidden");
    }
    await refused({ method: "GET", path: "/v1/runs", token }, 403, "forbidden");
  });
});

test("an agent may ask thousands of times, a stranger that guesses may not", async () => {
  const heartbeat = { agent_id: "busy", execs: [], wait_ms: 0 };
  const agent: Asked = {
    method: "POST",
    path: "/v1/agent/heartbeat",
    token: tokenOf(edge.state, "agent"),
    body: JSON.stringify(heartbeat),
  };
  const answers = new Set<number>();
  for (let i = 0; i < 40; i++) {
    const replies = await Promise.all(Array.from({ length: 50 }, () => edge.ask(agent)));
    for (const { status } of replies) answers.add(status);
  }
  expect([...answers]).toEqual([200]);

  const guess: Asked = { method: "GET", path: "/v1/runs", token: FORGED };
  const codes = new Set<string>();
  for (let i = 0; i < 10; i++) {
    for (const { problem } of await Promise.all(Array.from({ length: 50 }, () => edge.ask(guess))))
      codes.add(problem.code);
  }
  expect([...codes].sort()).toEqual(["too-many-requests", "unauthorized"]);
  expect((await edge.ask(agent)).status).toBe(200);
});

test("a token has so many event streams and no more; those of others are their own", async () => {
  const body = JSON.stringify({ workflow: { name: "w", stages: { a: { kind: "gate", message: "?" } } } });
  const created = await edge.ask({ method: "POST", path: "/v1/runs", token: tokenOf(edge.state, "operator"), body });
  const { run_id } = JSON.parse(created.text) as { run_id: string };
  const path = `/v1/runs/${run_id}/events`;
  const watchers: AbortController[] = [];
  const watch = async (role: Role): Promise<number> => {
    const watcher = new AbortController();
    watchers.push(watcher);
    const headers = { authorization: `Bearer ${tokenOf(edge.state, role)}` };
    return (await fetch(edge.url + path, { headers, signal: watcher.signal })).status;
  };
  for (let i = 0; i < 256; i++) expect(await watch("viewer")).toBe(200);
  await refused({ method: "GET", path, token: tokenOf(edge.state, "viewer") }, 429, "too-many-requests");
  expect(await watch("approver")).toBe(200);
  watchers[0]!.abort();
  // its place is free once the server has seen that it went
  for (let status = 429; status !== 200; ) status = await watch("viewer");
  for (const watcher of watchers) watcher.abort();
});

test("nothing of all this was a mistake of ours, and every kind of refusal stands in the audit log", () => {
  expect(edge.internal).toEqual([]);
  const codes = new Set(edge.audited().map(({ code }) => code));
  for (const code of ["unauthorized", "forbidden", "host-unknown", "origin-foreign"]) expect(codes).toContain(code);
});
