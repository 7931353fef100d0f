// How the edge holds: a real daemon, every route of the contract, every kind of request that must be refused; then its audit
// log, changed at every byte and torn at every byte. Prints figures, and exits with 1 where one is not as it must be.
//   npm run build && node scripts/safety-edge.mjs
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { roles, routes } from "orchestrator-core";
import { verifyAudit } from "orchestrator-daemon/audit";

const root = fileURLToPath(new URL("..", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "safety-edge-"));
const state = join(directory, "state");
const ULID = "01J00000000000000000000000";
let failed = false;
let daemon = null;

function figure(text, good) {
  if (!good) failed = true;
  process.stdout.write(`${good ? "ok  " : "FAIL"} ${text}\n`);
}

async function start() {
  const words = [
    join(root, "packages/daemon/bin/orchestrator-daemon.cjs"),
    "--listen",
    "127.0.0.1:0",
    "--state",
    state,
  ];
  daemon = spawn(process.execPath, words, { cwd: directory, stdio: ["ignore", "pipe", "ignore"] });
  const [line] = await once(daemon.stdout, "data");
  return Number(new URL(/ready at (\S+)/.exec(String(line))[1]).port);
}

async function end(signal) {
  const ended = once(daemon, "exit");
  daemon.kill(signal);
  await ended;
  daemon = null;
}

const tokenOf = (role) => readFileSync(join(state, "tokens", role), "utf8").trim();

function ask(port, { method, path, token, headers = {}, body }) {
  return new Promise((resolve, reject) => {
    const said = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
      ...headers,
    };
    const sent = request({ host: "127.0.0.1", port, method, path, agent: false, headers: said }, (reply) => {
      let text = "";
      reply.on("data", (part) => {
        text += part;
      });
      reply.on("end", () => resolve({ status: reply.statusCode, type: reply.headers["content-type"] ?? "", text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/**
 * Every request that must be refused, by what is wrong with it.
 * @returns {Generator<[string, { method: string, path: string, token?: string, headers?: object, body?: string }]>}
 */
function* hostile(port) {
  for (const route of Object.values(routes)) {
    const fill = (path) =>
      path
        .replace("{stage_id}", "a")
        .replace("{digest}", "0".repeat(64))
        .replace("{name}", "manifest.json")
        .replace(/\{(run_id|exec_id)\}/g, ULID);
    const body = route.method === "POST" ? "{}" : undefined;
    const token = tokenOf(route.roles?.[0] ?? "viewer");
    const base = { method: route.method, path: fill(route.path), body, token };
    if (route.roles !== null) {
      yield ["no token", { ...base, token: undefined }];
      yield ["no token", { ...base, token: "x".repeat(43) }];
      for (const role of roles)
        if (!route.roles.includes(role)) yield ["wrong role", { ...base, token: tokenOf(role) }];
    }
    for (const host of ["evil.example", `evil.example:${port}`, "localhost", `localhost:${port + 1}`, `[::2]:${port}`])
      yield ["foreign host", { ...base, headers: { host } }];
    for (const origin of ["http://evil.example", "null", `https://localhost:${port}`, `http://localhost:${port + 1}`])
      yield ["foreign page", { ...base, headers: { origin } }];
    yield ["foreign page", { ...base, headers: { "sec-fetch-site": "cross-site" } }];
    if (route.method === "POST") {
      for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
        yield ["form", { ...base, headers: { "content-type": type } }];
      const length = String((route.body_bytes_max ?? 1024 * 1024) + 1);
      yield ["oversized body", { ...base, headers: { "content-length": length } }];
      for (const odd of ["", "{", "[]", "null", '{"__proto__":{"a":1}}', '{"constructor":{"prototype":{}}}', "\u0000"])
        yield ["odd body", { ...base, body: odd }];
    }
    for (const parameter of route.path.match(/\{\w+\}/g) ?? [])
      for (const id of ["..%2f..%2fetc%2fpasswd", "..", "%2e%2e", "%00", "a%0ab", "x".repeat(300), "%E0%A4%A"])
        yield ["traversal id", { ...base, path: fill(route.path.replace(parameter, id)) }];
    if (route.roles?.includes("agent") && body !== undefined) yield ["other agent", { ...base, token: "bound" }];
  }
}

try {
  let port = await start();
  const bound = await ask(port, {
    method: "POST",
    path: "/v1/tokens",
    token: tokenOf("admin"),
    body: JSON.stringify({ role: "agent", name: "a1" }),
  });
  const { token: a1 } = JSON.parse(bound.text);
  const held = { run_id: ULID, stage_id: "a", exec_id: ULID, fence: 1 };
  const speaksForAnother = {
    "/v1/agent/claim": { agent_id: "a2", request_id: "r", jobs_max: 1, wait_ms: 0, labels: [] },
    "/v1/agent/heartbeat": { agent_id: "a2", execs: [held], wait_ms: 0 },
    "/v1/agent/complete": { agent_id: "a2", request_id: "c", completions: [{ ...held, report: { kind: "lost" } }] },
  };

  const kinds = new Map();
  let broken = 0;
  let nameless = 0;
  for (const [kind, asked] of hostile(port)) {
    const real =
      asked.token === "bound" ? { ...asked, token: a1, body: JSON.stringify(speaksForAnother[asked.path]) } : asked;
    const { status, type, text } = await ask(port, real);
    const counts = kinds.get(kind) ?? { asked: 0, refused: 0 };
    counts.asked++;
    if (status >= 400 && status < 500) counts.refused++;
    else process.stdout.write(`     ${kind}: ${asked.method} ${asked.path} gave ${status}\n`);
    if (status >= 500) broken++;
    if (!type.includes("application/problem+json") || typeof JSON.parse(text).code !== "string") nameless++;
    kinds.set(kind, counts);
  }
  figure(`edge routes: ${Object.keys(routes).length}`, true);
  let total = 0;
  for (const [kind, { asked, refused }] of kinds) {
    total += asked;
    figure(`edge refused, ${kind}: ${refused} of ${asked}`, refused === asked);
  }
  figure(`edge hostile requests answered with 5xx: ${broken} of ${total}`, broken === 0);
  figure(`edge refusals that are no problem document: ${nameless} of ${total}`, nameless === 0);

  await end("SIGKILL");
  port = await start();
  await ask(port, { method: "POST", path: "/v1/freeze", token: tokenOf("operator"), body: "{}" });
  await end("SIGTERM");
  const log = join(state, "audit");
  const report = verifyAudit(log);
  figure(
    `audit entries after a kill -9 and a stop: ${report.entries}, findings: ${report.findings.length}`,
    report.findings.length === 0,
  );
  const tokens = roles.map(tokenOf);
  const [name] = readdirSync(log);
  const whole = readFileSync(join(log, name));
  figure("audit holds no token", tokens.every((token) => !whole.includes(token)) && !whole.includes(a1));

  const copy = join(directory, "audit");
  cpSync(log, copy, { recursive: true });
  const lines = whole.toString().split("\n").slice(0, -1);
  const last = lines.slice(-6);
  let found = 0;
  let flips = 0;
  const part = Buffer.from(`${last.join("\n")}\n`);
  for (let at = 0; at < part.length; at++) {
    const changed = Buffer.from(part);
    changed[at] ^= 1;
    writeFileSync(join(copy, name), Buffer.concat([whole.subarray(0, whole.length - part.length), changed]));
    flips++;
    if (verifyAudit(copy, report.head).findings.length > 0) found++;
  }
  figure(`audit changed bytes found: ${found} of ${flips}`, found === flips);
  let gone = 0;
  for (let i = 0; i < lines.length; i++) {
    writeFileSync(join(copy, name), `${lines.filter((_, other) => other !== i).join("\n")}\n`);
    if (verifyAudit(copy, report.head).findings.length > 0) gone++;
  }
  figure(`audit removed entries found: ${gone} of ${lines.length}`, gone === lines.length);
} finally {
  daemon?.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
