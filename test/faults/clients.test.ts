import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { script } from "../cluster.ts";
import { Site } from "./site.ts";

let site: Site;
const sockets: Socket[] = [];
beforeEach(async () => {
  site = new Site();
  await site.startDaemon();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await site.close();
});

/** A client that writes what it likes, when it likes. */
async function open(text: string): Promise<Socket> {
  const { hostname, port } = new URL(site.url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(text);
  return socket;
}

const head = (method: string, path: string, more = ""): string => {
  const token = readFileSync(join(site.state, "tokens", "operator"), "utf8").trim();
  return `${method} ${path} HTTP/1.1\r\nhost: ${new URL(site.url).host}\r\nauthorization: Bearer ${token}\r\n${more}\r\n`;
};

const gate = { a: { kind: "gate", message: "Go on?" } };

test("clients that say nothing, half a head or a body byte by byte hold up nobody, and do not keep the daemon from stopping", async () => {
  for (let i = 0; i < 30; i++) {
    await open("");
    await open("POST /v1/runs HTTP/1.1\r\nhost: x\r\nx-half: ");
    const slow = await open(head("POST", "/v1/runs", "content-type: application/json\r\ncontent-length: 100000\r\n"));
    slow.write('{"work');
  }
  const dripping = setInterval(() => {
    for (const socket of sockets) socket.write("x");
  }, 20);
  try {
    const run_id = await site.submit(gate);
    expect((await site.show(run_id)).run.status).toBe("needs_human");
    expect((await site.stopDaemon()).code).toBe(0);
  } finally {
    clearInterval(dripping);
  }
});

test("a body that comes byte by byte is given up after half a minute, with a problem", async () => {
  const slow = await open(head("POST", "/v1/runs", "content-type: application/json\r\ncontent-length: 100000\r\n"));
  const dripping = setInterval(() => slow.write(" "), 500);
  try {
    let answer = "";
    slow.on("data", (part: Buffer) => {
      answer += String(part);
    });
    await once(slow, "close");
    expect(answer).toMatch(/^HTTP\/1.1 408 [^]*"code":"request-timeout"/);
  } finally {
    clearInterval(dripping);
  }
});

test("a watcher that does not read holds up neither the run nor another watcher, and has missed nothing once it reads", async () => {
  // events of 60 KB each: more than the system takes in for a reader that is asleep
  writeFileSync(join(site.workspace, "fill"), `v=${"x".repeat(60_000)}\n`);
  site.program("emit", 'cat fill >> "$ORCHESTRATOR_OUTPUT"');
  site.startAgent(0, ["--slots", "4"]);
  const stages = Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`s${i}`, { exec: [script("emit")] }]));
  const run_id = await site.submit(stages);
  const asleep = await open(head("GET", `/v1/runs/${run_id}/events`, "connection: close\r\n"));
  asleep.pause();
  const seen = await site.events(run_id);
  expect(seen.at(-1)).toMatchObject({ type: "run_settled", status: "succeeded" });
  let text = "";
  asleep.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
  });
  asleep.resume();
  await once(asleep, "close");
  expect([...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))).toEqual(seen.map(({ seq }) => seq));
});

test("a backup that nobody reads keeps no commit waiting", async () => {
  for (let i = 0; i < 5; i++) await site.submit(gate);
  const asleep = await open(head("GET", "/v1/backup"));
  asleep.pause();
  for (let i = 0; i < 5; i++) await site.submit(gate);
  const { runs } = await site.call<{ runs: unknown[] }>("GET", "/v1/runs");
  expect(runs).toHaveLength(10);
});
