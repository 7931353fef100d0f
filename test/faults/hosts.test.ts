import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunView } from "orchestrator-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { script, until } from "../cluster.ts";
import { IS_ROOT, run, Site } from "./site.ts";

/**
 * Two machines and the switch between them, as network namespaces: the machine's own network is not touched. A cable
 * is pulled at the switch, so no end is told.
 */
const PREFIX = `faults-${process.pid}`;
const ADDRESS = { daemon: "10.77.0.10", agent: "10.77.0.11" } as const;
type Host = keyof typeof ADDRESS;
const certificate = (name: string): string => join(import.meta.dirname, "../tls", name);
const on = (host: Host | "switch"): string[] => ["ip", "netns", "exec", `${PREFIX}-${host}`];

function mayHaveNetworks(): boolean {
  if (!IS_ROOT || spawnSync("ip", ["netns", "add", `${PREFIX}-try`]).status !== 0) return false;
  run("ip", "netns", "del", `${PREFIX}-try`);
  return true;
}

function connect(): void {
  const ip = (host: Host | "switch", ...words: string[]): string => run("ip", "-n", `${PREFIX}-${host}`, ...words);
  run("ip", "netns", "add", `${PREFIX}-switch`);
  ip("switch", "link", "add", "br0", "type", "bridge", "forward_delay", "0", "stp_state", "0");
  ip("switch", "link", "set", "br0", "up");
  for (const host of ["daemon", "agent"] as const) {
    run("ip", "netns", "add", `${PREFIX}-${host}`);
    ip(host, "link", "set", "lo", "up");
    ip(host, "link", "add", "eth0", "type", "veth", "peer", "name", `to-${host}`, "netns", `${PREFIX}-switch`);
    ip("switch", "link", "set", `to-${host}`, "master", "br0", "up");
    ip(host, "addr", "add", `${ADDRESS[host]}/24`, "dev", "eth0");
    ip(host, "link", "set", "eth0", "up");
  }
}

function disconnect(): void {
  for (const host of ["daemon", "agent", "switch"]) spawnSync("ip", ["netns", "del", `${PREFIX}-${host}`]);
}

const cable = (host: Host, state: "up" | "down"): string =>
  run("ip", "-n", `${PREFIX}-switch`, "link", "set", `to-${host}`, state);

describe.skipIf(!mayHaveNetworks())("daemon and agent on two hosts (needs root: network namespaces)", () => {
  let site: Site;
  const listen = `${ADDRESS.daemon}:7170`;
  beforeEach(() => {
    site = new Site();
    connect();
  });
  afterEach(async () => {
    await site.close();
    disconnect();
  });

  const show = async (run_id: string): Promise<RunView> => {
    const { said } = await site.cliThrough(on("daemon"), "show", run_id, "--json");
    return JSON.parse(said) as RunView;
  };

  test("a pulled cable: shorter than the lease nothing is lost; longer, the stage runs again and the run ends all the same", async () => {
    const refused = await site.failToStart([], { through: on("daemon"), listen });
    expect([refused.code, refused.said]).toEqual([2, expect.stringContaining("--tls-cert")]);
    const tls = ["--tls-cert", certificate("daemon.pem"), "--tls-key", certificate("daemon.key")];
    await site.startDaemon([...tls, "--lease-ms", "3000"], { through: on("daemon"), listen });
    const where = ["--daemon", `https://${listen}`, "--tls-ca", certificate("ca.pem")];
    site.startAgentThrough(0, on("agent"), [...where, "--slots", "1"]);
    // the first exec of each takes its time
    for (const name of ["short", "long"]) {
      site.program(
        name,
        `[ -e ${name}-began ] && exit 0\ntouch ${name}-began\nexec sleep ${name === "short" ? 1 : 60}`,
      );
    }
    const stages = { short: { exec: [script("short")] }, long: { requires: ["short"], exec: [script("long")] } };
    writeFileSync(join(site.workspace, "w.yaml"), JSON.stringify({ name: "w", stages }));
    const submitted = await site.cliThrough(on("daemon"), "run", "w.yaml", "--detach", "--quiet");
    const run_id = /[0-9A-Z]{26}/.exec(submitted.said)![0];

    const began = (name: string): Promise<true> =>
      until(`${name} began`, async () => (site.evidenceOf(`${name}-began`) ? true : undefined));
    await began("short");
    cable("agent", "down");
    await until("the agent notices", async () => site.agentSaid(0, "daemon_silent")[0]);
    cable("agent", "up");
    await began("long");
    cable("agent", "down");
    await until("the lease expired", async () =>
      (await show(run_id)).stages[1]!.status === "queued" ? true : undefined,
    );
    cable("agent", "up");
    const view = await until("the run ends", async () => {
      const now = await show(run_id);
      return now.run.status === "succeeded" ? now : undefined;
    });
    const [short, long] = view.stages.map(({ execs }) => execs.map(({ outcome }) => outcome));
    expect(short).toEqual(["succeeded"]);
    // a grant that came too late, through a connection that was held up, was handed back
    expect(long!.filter((outcome) => outcome !== "handed_back")).toEqual(["lost", "succeeded"]);
  });
});
