import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { roles } from "orchestrator-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeTokens } from "../../src/http/tokens.ts";
import { prepareState, readToken, readTokens, removeToken, writeToken } from "../../src/state.ts";

let state: string;
let changes: string[];
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "daemon-tokens-"));
  prepareState(state);
  changes = [];
});
afterEach(() => rmSync(state, { recursive: true }));

const open = () => makeTokens(state, (change, { role, name }) => changes.push(`${change} ${role} ${name}`));
const bearer = (token: string): string => `Bearer ${token}`;

test("each role has a token of its own, for the owner of the directory alone, and no start makes it anew", () => {
  const made = roles.map((role) => readToken(state, role));
  expect(new Set(made).size).toBe(roles.length);
  for (const role of roles) expect(statSync(join(state, "tokens", role)).mode & 0o777).toBe(0o600);
  prepareState(state);
  expect(roles.map((role) => readToken(state, role))).toEqual(made);
});

test("a token says who it is: the role, the name, and for an agent the one id that it may speak for", () => {
  const tokens = open();
  expect(tokens.find(bearer(readToken(state, "agent")))).toEqual({
    actor: { role: "agent", name: "agent" },
    agent_id: null,
  });
  expect(tokens.find(bearer(tokens.create("agent", "build.1")))).toEqual({
    actor: { role: "agent", name: "build.1" },
    agent_id: "build.1",
  });
  expect(tokens.find(bearer(tokens.create("approver", "alice")))).toEqual({
    actor: { role: "approver", name: "alice" },
    agent_id: null,
  });
  const token = readToken(state, "operator");
  for (const wrong of [
    undefined,
    "",
    token,
    `Basic ${token}`,
    `Bearer ${token}x`,
    `Bearer ${token.slice(1)}`,
    "Bearer ",
  ])
    expect(tokens.find(wrong)).toBeNull();
});

test("a token is made once, revoked at once, and its name is free again then", () => {
  const tokens = open();
  const first = tokens.create("proposer", "bot");
  expect(() => tokens.create("proposer", "bot")).toThrow("token-exists");
  tokens.revoke("proposer", "bot");
  expect(tokens.find(bearer(first))).toBeNull();
  expect(() => tokens.revoke("proposer", "bot")).toThrow("token-unknown");
  expect(tokens.create("proposer", "bot")).not.toBe(first);
});

test("what comes and goes in the directory counts soon, and is told", async () => {
  const tokens = open();
  const token = writeToken(state, "viewer", "wall")!;
  const soon = { timeout: 5_000 };
  await expect.poll(() => tokens.find(bearer(token))?.actor, soon).toEqual({ role: "viewer", name: "wall" });
  removeToken(state, "viewer", "wall");
  removeToken(state, "proposer", null);
  await expect.poll(() => tokens.find(bearer(token)), soon).toBeNull();
  expect(changes).toEqual(["token_found viewer wall", "token_gone proposer null", "token_gone viewer wall"]);
});

test("other files are no tokens", () => {
  for (const name of ["root", "operator.", "agent.a b", ".new.1", "README"])
    writeFileSync(join(state, "tokens", name), `${"x".repeat(43)}\n`);
  expect(readTokens(state).map(({ role }) => role)).toEqual([...roles].sort());
  expect(open().find(bearer("x".repeat(43)))).toBeNull();
});

test("an empty file lets nobody in", () => {
  const file = join(state, "tokens", "admin");
  chmodSync(file, 0o600);
  writeFileSync(file, "\n");
  expect(readFileSync(file, "utf8")).toBe("\n");
  expect(open().find("Bearer ")).toBeNull();
});
