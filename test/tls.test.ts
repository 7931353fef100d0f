import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Cluster, cliBin, layered, mark, until } from "./cluster.ts";

/** A daemon that speaks TLS, as it would for other machines, and those who reach it from there. */
const tls = (name: string): string => join(import.meta.dirname, "tls", name);
const FLAGS = ["--tls-cert", tls("daemon.pem"), "--tls-key", tls("daemon.key")];

class TlsCluster extends Cluster {
  port = 0;
  /** As other machines call it. */
  get far(): string {
    return `https://localhost:${this.port}`;
  }

  async open(): Promise<void> {
    await this.startDaemon(FLAGS);
    this.port = Number(new URL(this.url).port);
  }

  async cli(...words: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
    const child: ChildProcess = spawn(process.execPath, [cliBin, ...words], {
      cwd: this.workspace,
      env: { ...process.env, ORCHESTRATOR_STATE: "" },
    });
    let [out, err] = ["", ""];
    child.stdout!.on("data", (part: Buffer) => {
      out += String(part);
    });
    child.stderr!.on("data", (part: Buffer) => {
      err += String(part);
    });
    const [code] = (await once(child, "close")) as [number | null];
    return { code, out, err };
  }

  local = (...words: readonly string[]) => this.cli("--state", this.state, ...words);
  elsewhere = (...words: readonly string[]) =>
    this.cli("--state", join(this.directory, "nothing"), "--daemon", this.far, "--tls-ca", tls("ca.pem"), ...words);
}

let site: TlsCluster;
beforeEach(async () => {
  site = new TlsCluster();
  await site.open();
});
afterEach(() => site.close());

const writeWorkflow = (): void => writeFileSync(join(site.workspace, "w.yaml"), JSON.stringify(layered(1, 2, 0, mark)));

test("commands and agents of the state directory trust exactly its certificate, and need to be told nothing", async () => {
  expect(new URL(site.url).protocol).toBe("https:");
  site.startAgent(0);
  writeWorkflow();
  const ran = await site.local("run", "w.yaml", "--quiet");
  expect(ran.code, ran.err).toBe(0);
  const logs = await site.local("logs", "latest");
  expect(logs.code, logs.err).toBe(0);
  // who signed it is of no help: one certificate is known, and no other
  const file = join(site.state, "daemon.json");
  const told = JSON.parse(readFileSync(file, "utf8")) as { certificate: string };
  expect(told.certificate.trim()).toBe(readFileSync(tls("daemon.pem"), "utf8").trim());
  writeFileSync(file, JSON.stringify({ ...told, certificate: readFileSync(tls("ca.pem"), "utf8") }));
  expect((await site.local("ls")).code).toBe(7);
});

test("an agent elsewhere has a token of its own and the authority; it speaks for itself alone", async () => {
  const made = await site.local("token", "create", "agent", "far-1");
  expect(made.code, made.err).toBe(0);
  // its own state directory holds no other token
  const other = join(site.directory, "other");
  mkdirSync(other);
  const token = join(site.directory, "far-1.token");
  writeFileSync(token, made.out, { mode: 0o600 });
  const flags = ["--state", other, "--daemon", site.far, "--tls-ca", tls("ca.pem"), "--token-file", token];
  site.startAgent(0, [...flags, "--agent-id", "far-1"]);
  writeWorkflow();
  const submitted = await site.local("run", "w.yaml", "--detach");
  const run_id = submitted.out.trim();
  const view = await until("the run ends", async () => {
    const shown = JSON.parse((await site.local("show", run_id, "--json")).out) as {
      run: { status: string };
      stages: { execs: { agent_id: string }[] }[];
    };
    return shown.run.status === "succeeded" ? shown : undefined;
  });
  expect(view.stages.flatMap(({ execs }) => execs.map(({ agent_id }) => agent_id))).toEqual(["far-1", "far-1"]);

  site.startAgent(1, [...flags, "--agent-id", "far-2"]);
  const log = (): string => (existsSync(site.agentLog(1)) ? readFileSync(site.agentLog(1), "utf8") : "");
  await until("it is refused", async () => (log().includes("claim_refused") ? true : undefined));
  expect(log()).toContain("this token was made for the agent far-1");
  expect((await site.local("token", "revoke", "agent", "far-1")).code).toBe(0);
});

test("a person elsewhere has a token and the authority, and may do what the token may", async () => {
  const token = join(site.directory, "bot.token");
  writeFileSync(token, (await site.local("token", "create", "proposer", "bot")).out);
  const withToken = (...words: string[]) => site.elsewhere("--token-file", token, ...words);
  writeWorkflow();
  const submitted = await withToken("run", "w.yaml", "--detach");
  expect(submitted.code, submitted.err).toBe(0);
  const shown = await withToken("show", "latest");
  expect([shown.code, shown.out]).toEqual([0, expect.stringContaining("bot (proposer)")]);
  const refused = await withToken("stop");
  expect([refused.code, refused.err]).toEqual([2, expect.stringContaining("error[forbidden]")]);
  const nobody = await site.elsewhere("ls");
  expect([nobody.code, nobody.err]).toEqual([2, expect.stringContaining("--token-file")]);
  // a token goes to another machine through TLS or not at all
  const open = await site.cli("--daemon", "http://build.example:7170", "--token-file", token, "ls");
  expect([open.code, open.err]).toEqual([2, expect.stringContaining("in clear text")]);
  // who does not know the authority says nothing, not even the token
  const blind = await site.cli("--daemon", site.far, "--token-file", token, "ls");
  expect([blind.code, blind.err]).toEqual([7, expect.stringContaining("certificate")]);
});

test("names of the certificate are the daemon's own, others are not", async () => {
  const status = (host: string): Promise<number> =>
    new Promise((resolve, reject) => {
      request({
        host: "127.0.0.1",
        port: site.port,
        path: "/livez",
        ca: readFileSync(tls("ca.pem")),
        servername: "localhost",
        headers: { host },
      })
        .on("response", (reply) => {
          reply.resume();
          resolve(reply.statusCode ?? 0);
        })
        .on("error", reject)
        .end();
    });
  expect(await status(`build.example:${site.port}`)).toBe(200);
  expect(await status(`evil.example:${site.port}`)).toBe(421);
});

test("an address that others can reach is refused without TLS, and TLS with a wrong key is", async () => {
  const start = async (...flags: string[]): Promise<{ code: number | null; said: string }> => {
    const other = new Cluster();
    const bin = join(import.meta.dirname, "../packages/daemon/bin/orchestrator-daemon.cjs");
    const child = spawn(process.execPath, [bin, "--state", other.state, ...flags], { cwd: other.workspace });
    let said = "";
    child.stderr.on("data", (part: Buffer) => {
      said += String(part);
    });
    const [code] = (await once(child, "close")) as [number | null];
    await other.close();
    return { code, said };
  };
  const open = await start("--listen", "0.0.0.0:0");
  expect([open.code, open.said]).toEqual([2, expect.stringContaining("error[tls-missing]")]);
  expect(open.said).toContain("--tls-cert");
  for (const flags of [
    ["--tls-cert", tls("daemon.pem")],
    ["--tls-cert", tls("ca.pem"), "--tls-key", tls("daemon.key")],
    ["--tls-cert", tls("daemon.key"), "--tls-key", tls("daemon.key")],
    ["--tls-cert", tls("nothing"), "--tls-key", tls("daemon.key")],
  ]) {
    const refused = await start("--listen", "127.0.0.1:0", ...flags);
    expect([refused.code, refused.said]).toEqual([2, expect.stringContaining("error[tls-invalid]")]);
  }
});
