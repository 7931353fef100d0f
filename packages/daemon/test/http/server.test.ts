import { appendFileSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { type ProblemDocument, type Role, routes } from "orchestrator-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readToken } from "../../src/state.ts";
import { succeeded, type World } from "../owner/world.ts";
import { type Edge, openEdge } from "./edge.ts";

const workflow = { name: "w", stages: { a: { exec: [["true"]] }, b: { requires: ["a"], exec: [["true"]] } } };
const ULID = "01J00000000000000000000000";

let edge: Edge;
let state: string;
let world: World;
let url: string;
let internal: unknown[];

beforeAll(async () => {
  edge = await openEdge();
  ({ state, world, url, internal } = edge);
});

afterAll(() => edge.close());

async function call(
  method: string,
  path: string,
  {
    role = "operator",
    body,
    headers = {},
  }: { role?: Role | null; body?: unknown; headers?: Record<string, string> } = {},
): Promise<{
  status: number;
  type: string;
  text: string;
  json: () => ProblemDocument & Record<string, unknown>;
  headers: Headers;
}> {
  const reply = await fetch(url + path, {
    method,
    headers: {
      ...(role === null ? {} : { authorization: `Bearer ${readToken(state, role)}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await reply.text();
  return {
    status: reply.status,
    type: reply.headers.get("content-type") ?? "",
    text,
    json: () => JSON.parse(text) as ProblemDocument & Record<string, unknown>,
    headers: reply.headers,
  };
}

describe("what is answered", () => {
  test("a submit gives 201, and the run can be read with its stages", async () => {
    const created = await call("POST", "/v1/runs", { body: { workflow } });
    expect(created.status).toBe(201);
    const { run_id, plan_digest } = created.json() as unknown as { run_id: string; plan_digest: string };
    const shown = (await call("GET", `/v1/runs/${run_id}`)).json() as unknown as { run: object; stages: object[] };
    expect(shown.run).toMatchObject({ run_id, plan_digest, status: "running", workspace: state });
    expect(shown.stages).toMatchObject([
      { stage_id: "a", status: "queued" },
      { stage_id: "b", status: "pending", requires: ["a"] },
    ]);
    const why = await call("GET", `/v1/runs/${run_id}/stages/b/why`);
    expect(why.json()).toMatchObject({ status: "pending", summary: "it waits for a (queued)" });
  });

  test("a bad workflow gives every problem at once, as an RFC 9457 document", async () => {
    const bad = { name: "w", stages: { a: { requires: ["bb"], exec: [["bash", "-c", "x"]] }, b: { exec: "npm ci" } } };
    const reply = await call("POST", "/v1/runs", { body: { workflow: bad } });
    expect(reply.status).toBe(422);
    expect(reply.type).toContain("application/problem+json");
    const { problems = [], type, title } = reply.json();
    expect(type).toMatch(/^urn:orchestrator:problem:/);
    expect(title).not.toBe("");
    expect(problems.length).toBeGreaterThanOrEqual(2);
    for (const problem of problems) expect(problem.place?.path).toMatch(/^\/stages\//);
  });

  test("a shell without allow_shell is denied, and a proposer's allow_shell waits for a person", async () => {
    const shell = (allow_shell: boolean) => ({
      name: "w",
      stages: { a: { exec: [{ argv: ["bash", "-c", "true"], allow_shell }] } },
    });
    const denied = await call("POST", "/v1/runs", { body: { workflow: shell(false) } });
    expect([denied.status, denied.json().code]).toEqual([422, "shell-denied"]);
    const asked = await call("POST", "/v1/runs", { role: "proposer", body: { workflow: shell(true) } });
    const run_id = asked.json().run_id as string;
    const view = (await call("GET", `/v1/runs/${run_id}`)).json() as unknown as {
      stages: { status: string; question: { subject: string; digest: string } }[];
    };
    expect(view.stages[0]).toMatchObject({ status: "needs_human", question: { subject: "exec" } });
    const answer = { decision: "approve", ...view.stages[0]!.question };
    const body = { decision: answer.decision, subject: answer.subject, digest: answer.digest };
    expect((await call("POST", `/v1/runs/${run_id}/stages/a/decide`, { role: "proposer", body })).status).toBe(403);
    const stale = await call("POST", `/v1/runs/${run_id}/stages/a/decide`, {
      body: { ...body, digest: "0".repeat(64) },
    });
    expect([stale.status, stale.json().code]).toEqual([409, "approval-stale"]);
    expect((await call("POST", `/v1/runs/${run_id}/stages/a/decide`, { body })).json()).toMatchObject({
      status: "queued",
    });
    await call("POST", `/v1/runs/${run_id}/cancel`, { body: {} });
  });

  test("a workspace that is missing or lies outside the roots is refused", async () => {
    const missing = await call("POST", "/v1/runs", { body: { workflow, workspace: join(state, "no") } });
    expect([missing.status, missing.json().code]).toEqual([422, "workspace-missing"]);
    const outside = await call("POST", "/v1/runs", { body: { workflow, workspace: "/usr" } });
    expect([outside.status, outside.json().code]).toEqual([422, "workspace-outside"]);
    symlinkSync("/usr", join(state, "link"));
    const linked = await call("POST", "/v1/runs", { body: { workflow, workspace: join(state, "link") } });
    expect(linked.json().code).toBe("workspace-outside");
  });

  test("a request of the wrong form is a problem with its place, never a 5xx", async () => {
    const odd: [string, string, unknown][] = [
      ["POST", "/v1/runs", { workflw: {} }],
      ["POST", "/v1/runs", "{"],
      ["POST", "/v1/runs", []],
      ["GET", "/v1/runs?limit=9999", undefined],
      ["GET", "/v1/runs?limit=x", undefined],
      ["GET", "/v1/runs/not-an-id", undefined],
      ["GET", `/v1/runs/${ULID}/stages/..%2f..%2fetc/why`, undefined],
      ["GET", `/v1/runs/${ULID}/stages/a/execs/${ULID}/files/..%2f..%2fdaemon.json`, undefined],
      ["POST", `/v1/runs/${ULID}/stages/a/decide`, { decision: "maybe", subject: "gate", digest: "0".repeat(64) }],
    ];
    for (const [method, path, body] of odd) {
      const reply = await call(method, path, { body });
      expect([path, reply.status]).toEqual([path, 400]);
      expect(reply.json().code).toBe("bad-request");
    }
    for (const path of ["/v2", `/v1/runs/${ULID}`, `/v1/workflows/${"0".repeat(64)}`, `/v1/runs/${ULID}/events`]) {
      expect([path, (await call("GET", path)).status]).toEqual([path, 404]);
    }
    const large = await call("POST", "/v1/query", { body: JSON.stringify({ surql: "x".repeat(1_100_000) }) });
    expect([large.status, large.json().code]).toEqual([413, "body-too-large"]);
    expect(internal).toEqual([]);
  });

  test("the same Idempotency-Key gives the same run", async () => {
    const headers = { "idempotency-key": "one" };
    const [first, again] = [
      await call("POST", "/v1/runs", { body: { workflow }, headers }),
      await call("POST", "/v1/runs", { body: { workflow }, headers }),
    ];
    expect(again.json().run_id).toBe(first.json().run_id);
    const other = await call("POST", "/v1/runs", { body: { workflow: { ...workflow, name: "v" } }, headers });
    expect([other.status, other.json().code]).toEqual([422, "key-reused"]);
  });

  test("the OpenAPI text names every route, and its schemas are closed", async () => {
    const text = (await call("GET", "/openapi.json")).json() as unknown as {
      openapi: string;
      paths: Record<string, object>;
    };
    expect(text.openapi).toBe("3.1.0");
    for (const route of Object.values(routes))
      expect(text.paths[route.path]).toHaveProperty(route.method.toLowerCase());
  });
});

describe("streams", () => {
  test("events come in order, resume after Last-Event-ID, and end when the run settles", async () => {
    const run_id = (await call("POST", "/v1/runs", { body: { workflow } })).json().run_id as string;
    const following = call("GET", `/v1/runs/${run_id}/events`);
    for (;;) {
      const grants = await world.claim("a1", 64);
      if (grants.length === 0) break;
      for (const grant of grants) await world.complete("a1", grant, succeeded("a1", grant));
    }
    const { text, type } = await following;
    expect(type).toContain("text/event-stream");
    const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    expect(ids).toEqual(ids.map((_, i) => i + 1));
    expect(text).toContain("event: run_settled");
    const resumed = await call("GET", `/v1/runs/${run_id}/events`, {
      headers: { "last-event-id": String(ids.length - 1) },
    });
    expect([...resumed.text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))).toEqual([ids.length]);
  });

  test("a file of a bundle is read by ranges, also while it is written, and links are not followed", async () => {
    const stage = join(state, "runs", ULID, "a");
    mkdirSync(join(stage, `.tmp-${ULID}`), { recursive: true });
    const path = `/v1/runs/${ULID}/stages/a/execs/${ULID}/files/cmd-000.stdout.log`;
    expect((await call("GET", path)).status).toBe(404);
    writeFileSync(join(stage, `.tmp-${ULID}`, "cmd-000.stdout.log"), "hello world\n");
    const whole = await call("GET", path);
    expect([whole.status, whole.text, whole.headers.get("x-bundle-state")]).toEqual([200, "hello world\n", "open"]);
    const part = await call("GET", path, { headers: { range: "bytes=6-10" } });
    expect([part.status, part.text, part.headers.get("content-range")]).toEqual([206, "world", "bytes 6-10/12"]);
    const nothing = await call("GET", path, { headers: { range: "bytes=12-" } });
    expect([nothing.status, nothing.text]).toEqual([206, ""]);
    expect((await call("GET", path, { headers: { range: "bytes=13-" } })).status).toBe(416);
    symlinkSync("/etc/hostname", join(stage, `.tmp-${ULID}`, "link"));
    expect((await call("GET", path.replace("cmd-000.stdout.log", "link"))).status).toBe(404);
    expect(internal).toEqual([]);
  });

  test("a log is followed as it grows, until the next command has one", async () => {
    const bundle = join(state, "runs", ULID, "b", `.tmp-${ULID}`);
    const path = `/v1/runs/${ULID}/stages/b/execs/${ULID}/files/cmd-000.stdout.log`;
    expect((await call("GET", `${path}?follow_from=0`)).status).toBe(404);
    mkdirSync(bundle, { recursive: true });
    const log = join(bundle, "cmd-000.stdout.log");
    writeFileSync(log, "one\n");
    expect((await call("GET", `${path}?follow_from=5`)).status).toBe(416);
    expect((await call("GET", `${path}?follow_from=-1`)).status).toBe(400);
    const headers = { authorization: `Bearer ${readToken(state, "viewer")}` };
    const followed = await fetch(`${url}${path}?follow_from=1`, { headers });
    expect([followed.status, followed.headers.get("x-bundle-state")]).toEqual([200, "open"]);
    const reader = followed.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect(await reader.read()).toMatchObject({ value: "ne\n" });
    appendFileSync(log, "two\n");
    expect(await reader.read()).toMatchObject({ value: "two\n" });
    writeFileSync(join(bundle, "cmd-001.stdout.log"), "");
    expect(await reader.read()).toMatchObject({ done: true });
    // the last command's ends with its bundle
    const last = await fetch(`${url}${path.replace("cmd-000", "cmd-001")}?follow_from=0`, { headers });
    renameSync(bundle, join(bundle, "..", ULID));
    expect(await last.text()).toBe("");
    expect(internal).toEqual([]);
  });

  test("an agent that hangs up while its claim is parked is given nothing", async () => {
    const body = JSON.stringify({ agent_id: "gone", request_id: "r", jobs_max: 1, wait_ms: 60_000, labels: [] });
    const request = httpRequest(`${url}/v1/agent/claim`, {
      method: "POST",
      headers: { authorization: `Bearer ${readToken(state, "agent")}`, "content-type": "application/json" },
    });
    request.on("error", () => {});
    request.end(body);
    await new Promise<void>((resolve) => request.once("finish", resolve));
    // another request on the same server comes back after the first was parked
    await call("GET", "/livez");
    const closed = new Promise((resolve) => request.once("close", resolve));
    request.destroy();
    await closed;
    await call("GET", "/livez");
    const run_id = (await call("POST", "/v1/runs", { body: { workflow } })).json().run_id as string;
    expect(await world.statuses(run_id)).toEqual({ a: "queued", b: "pending" });
  });
});
