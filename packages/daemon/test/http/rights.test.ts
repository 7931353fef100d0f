import { type Role, routes } from "orchestrator-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openFreeze } from "../../src/freeze.ts";
import { type Answer, type Edge, everyRoute, openEdge, tokenOf } from "./edge.ts";

let edge: Edge;
beforeAll(async () => {
  edge = await openEdge();
});
afterAll(() => edge.close());

const workflow = { name: "w", stages: { a: { exec: [["true"]] }, ship: { kind: "gate", message: "Go?" } } };

const post = (who: Role | { token: string }, path: string, body: unknown = {}): Promise<Answer> =>
  edge.ask({
    method: "POST",
    path,
    token: typeof who === "string" ? tokenOf(edge.state, who) : who.token,
    body: JSON.stringify(body),
  });
const get = (who: Role, path: string): Promise<Answer> =>
  edge.ask({ method: "GET", path, token: tokenOf(edge.state, who) });
const json = <T>({ text }: Answer): T => JSON.parse(text) as T;

async function submit(who: Role | { token: string } = "operator"): Promise<string> {
  const reply = await post(who, "/v1/runs", { workflow });
  expect(reply.status).toBe(201);
  return json<{ run_id: string }>(reply).run_id;
}

async function createToken(role: Role, name: string): Promise<{ token: string }> {
  return json(await post("admin", "/v1/tokens", { role, name }));
}

async function questionOf(run_id: string): Promise<{ subject: string; digest: string }> {
  const { stages } = json<{ stages: { question: { subject: string; digest: string } | null }[] }>(
    await get("viewer", `/v1/runs/${run_id}`),
  );
  return stages.find(({ question }) => question !== null)!.question!;
}

const decide = async (who: Role | { token: string }, run_id: string): Promise<Answer> => {
  const { subject, digest } = await questionOf(run_id);
  return post(who, `/v1/runs/${run_id}/stages/ship/decide`, { decision: "approve", subject, digest });
};

describe("who may what", () => {
  test("every route that changes something is an agent's, reads only, or leaves its mark in the audit log", () => {
    const unmarked = everyRoute.filter(([, route]) => route.method === "POST" && route.audit === undefined);
    expect(unmarked.map(([name]) => name)).toEqual(["claim", "heartbeat", "complete", "query"]);
    expect(routes.decide.audit.synced && routes.createToken.audit.synced && routes.stop.audit.synced).toBe(true);
  });

  test("a proposer submits and reads, and decides nothing, not even of its own run", async () => {
    const run_id = await submit("proposer");
    expect((await get("proposer", `/v1/runs/${run_id}`)).status).toBe(200);
    for (const path of ["/v1/stop", "/v1/freeze", "/v1/unfreeze", "/v1/tokens", "/v1/query"])
      expect([path, (await post("proposer", path)).status]).toEqual([path, 403]);
    expect((await decide("proposer", run_id)).status).toBe(403);
  });

  test("a proposer cancels and retries what it submitted itself, by its token, and no other run", async () => {
    const mine = await createToken("proposer", "mine");
    const other = await createToken("proposer", "other");
    const run_id = await submit(mine);
    for (const path of ["cancel", "retry"]) {
      const refused = await post(other, `/v1/runs/${run_id}/${path}`);
      expect([refused.status, refused.problem.code]).toEqual([403, "forbidden"]);
      expect((await post(mine, `/v1/runs/${await submit()}/${path}`)).status).toBe(403);
    }
    expect((await post(mine, `/v1/runs/${run_id}/cancel`)).status).toBe(200);
    expect((await post(mine, `/v1/runs/${run_id}/retry`)).status).toBe(200);
  });

  test("an approver decides and submits nothing; who decided is who its token says", async () => {
    const alice = await createToken("approver", "alice");
    const run_id = await submit();
    expect((await post(alice, "/v1/runs", { workflow })).status).toBe(403);
    expect((await post(alice, `/v1/runs/${run_id}/cancel`)).status).toBe(403);
    expect((await decide(alice, run_id)).status).toBe(200);
    const why = json<{ summary: string }>(await get("viewer", `/v1/runs/${run_id}/stages/ship/why`));
    expect(why.summary).toBe("approved by alice");
  });

  test("a viewer reads and changes nothing", async () => {
    const run_id = await submit();
    for (const path of ["/v1/runs", `/v1/runs/${run_id}`, "/v1/freeze", "/version"])
      expect([path, (await get("viewer", path)).status]).toEqual([path, 200]);
    expect((await post("viewer", `/v1/runs/${run_id}/cancel`)).status).toBe(403);
  });

  test("tokens are an admin's; a new one counts at once, a revoked one no more", async () => {
    expect((await post("operator", "/v1/tokens", { role: "admin", name: "me" })).status).toBe(403);
    const made = await createToken("viewer", "wall");
    const listed = await edge.ask({ method: "GET", path: "/v1/runs", token: made.token });
    expect(listed.status).toBe(200);
    expect((await get("admin", "/v1/tokens")).text).not.toContain(made.token);
    expect((await post("admin", "/v1/tokens", { role: "viewer", name: "wall" })).status).toBe(409);
    expect((await post("admin", "/v1/tokens/revoke", { role: "viewer", name: "wall" })).status).toBe(200);
    expect((await edge.ask({ method: "GET", path: "/v1/runs", token: made.token })).status).toBe(401);
    expect((await post("admin", "/v1/tokens/revoke", { role: "viewer", name: "wall" })).status).toBe(404);
    for (const name of ["../operator", "a/b", "", ".new", "x".repeat(65)])
      expect([name, (await post("admin", "/v1/tokens", { role: "viewer", name })).status]).toEqual([name, 400]);
  });
});

describe("frozen", () => {
  const claim = async (): Promise<unknown[]> =>
    json<{ jobs: unknown[] }>(
      await post("agent", "/v1/agent/claim", {
        agent_id: "a1",
        request_id: crypto.randomUUID(),
        jobs_max: 64,
        wait_ms: 0,
        labels: [],
      }),
    ).jobs;

  test("nothing is granted, everybody is told by whom and since when, and a restart changes nothing", async () => {
    await claim();
    const run_id = await submit();
    expect((await post("operator", "/v1/freeze", { note: "look at this first" })).status).toBe(200);
    expect(await claim()).toEqual([]);
    const { summary, hint } = json<{ summary: string; hint: string }>(
      await get("viewer", `/v1/runs/${run_id}/stages/a/why`),
    );
    expect(summary).toMatch(/^it is queued, and leasing is frozen by operator since 20.*: look at this first$/);
    expect(hint).toBe("orchestrator unfreeze");
    expect(json(await get("viewer", "/v1/freeze"))).toMatchObject({ frozen: { by: { role: "operator" } } });
    expect(json<{ frozen_since: string }>(await edge.ask({ method: "GET", path: "/readyz" })).frozen_since).toMatch(
      /^20/,
    );
    expect(openFreeze(edge.state).now).toMatchObject({ note: "look at this first" });

    expect((await post("operator", "/v1/unfreeze")).status).toBe(200);
    expect(await claim()).toHaveLength(1);
    expect(openFreeze(edge.state).now).toBeNull();
  });

  test("a claim that waits is answered when leasing goes on", async () => {
    await post("operator", "/v1/freeze");
    await submit();
    const body = { agent_id: "a1", request_id: "parked", jobs_max: 1, wait_ms: 15_000, labels: [] };
    const parked = post("agent", "/v1/agent/claim", body);
    await get("viewer", "/v1/runs");
    await post("operator", "/v1/unfreeze");
    expect(json<{ jobs: unknown[] }>(await parked).jobs).toHaveLength(1);
  });

  test("what runs goes on, or is cancelled where that is said", async () => {
    const run_id = await submit();
    const waiting = await submit();
    const [grant] = (await claim()) as { run_id: string }[];
    expect(grant).toBeDefined();
    await post("operator", "/v1/freeze");
    const stopping = async (of: string): Promise<unknown> =>
      json<{ run: { stopping: unknown } }>(await get("viewer", `/v1/runs/${of}`)).run.stopping;
    expect(await stopping(run_id)).toBeNull();
    await post("operator", "/v1/freeze", { cancel: true, note: "all of it" });
    expect(await stopping(run_id)).toBe("cancelled");
    expect(await stopping(waiting)).toBe("cancelled");
    const idle = await submit();
    await post("operator", "/v1/freeze", { cancel: true });
    expect(await stopping(idle)).toBeNull();
    await post("operator", "/v1/unfreeze");
  });
});

test("the audit log says who did what, who was refused, and no token", () => {
  const entries = edge.audited();
  const done = (route: string): object[] => entries.filter((entry) => entry.type === "done" && entry.route === route);
  expect(done("decide")[0]).toMatchObject({
    by: { role: "approver", name: "alice" },
    subject: { stage_id: "ship", decision: "approve", subject: "gate" },
  });
  expect(done("submitRun")[0]).toMatchObject({ subject: { run_id: expect.stringMatching(/^[0-9A-Z]{26}$/) } });
  expect(done("freeze")[0]).toMatchObject({ by: { role: "operator" } });
  expect(done("createToken")).toHaveLength(4);
  expect(entries.filter(({ type, route }) => type === "denied" && route === "decide")).toMatchObject([
    { code: "forbidden", who: "proposer.proposer" },
  ]);
  expect(entries.filter(({ route }) => ["claim", "heartbeat", "complete"].includes(String(route)))).toEqual([]);
  const text = JSON.stringify(entries);
  for (const role of ["operator", "agent", "admin"] as const) expect(text).not.toContain(tokenOf(edge.state, role));
  const files = ["mine", "other"].map((name) =>
    readFileSync(join(edge.state, "tokens", `proposer.${name}`), "utf8").trim(),
  );
  for (const token of files) expect(text).not.toContain(token);
});

test("a decision that was refused, and a workflow that policy denied, are entries of their own", async () => {
  const run_id = await submit();
  const body = { decision: "approve", subject: "gate", digest: "0".repeat(64) };
  expect((await post("approver", `/v1/runs/${run_id}/stages/ship/decide`, body)).status).toBe(409);
  const shell = { name: "w", stages: { a: { exec: [["bash", "-c", "x"]] } } };
  expect((await post("proposer", "/v1/runs", { workflow: shell })).status).toBe(422);
  expect(edge.audited().slice(-2)).toMatchObject([
    { type: "denied", code: "approval-stale", route: "decide", who: "approver.approver", subject: { run_id } },
    { type: "denied", code: "shell-denied", route: "submitRun", who: "proposer.proposer" },
  ]);
  expect(edge.internal).toEqual([]);
});
