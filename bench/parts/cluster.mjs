// A real daemon and real agents, as processes, on a state directory of their own.
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { httpTransport } from "orchestrator-agent/packed";
import { makeClient } from "orchestrator-core/packed";

const here = dirname(fileURLToPath(import.meta.url));
const daemonProgram = join(here, "..", "..", "packages", "daemon", "bin", "orchestrator-daemon.cjs");
const CHECK_MS = 2_000;
const agentProgram = join(here, "agent.mjs");

const profiled = (directory, name) =>
  directory === null
    ? []
    : ["--cpu-prof", `--cpu-prof-dir=${directory}`, `--cpu-prof-name=${name}-${process.hrtime.bigint()}.cpuprofile`];

/** Starts a daemon on `directory/state` and waits until it is ready. `ready_ms`: how long that took. */
export async function startDaemon(directory, { profile = null } = {}) {
  const [state, workspace] = [join(directory, "state"), join(directory, "workspace")];
  mkdirSync(workspace, { recursive: true });
  const begun = performance.now();
  const child = spawn(
    process.execPath,
    [
      ...profiled(profile, "daemon"),
      daemonProgram,
      "--listen=127.0.0.1:0",
      `--state=${state}`,
      `--workspace-root=${workspace}`,
      `--log=${join(directory, "daemon.log")}`,
      // when we are gone, so is it
      "--parent-stdin",
    ],
    { cwd: workspace, stdio: ["pipe", "pipe", "inherit"] },
  );
  const gone = once(child, "exit");
  const line = await Promise.race([once(child.stdout, "data").then(([data]) => String(data)), gone.then(() => null)]);
  const url = /ready at (\S+)/.exec(line ?? "")?.[1];
  if (url === undefined)
    throw new Error(`the daemon ended with ${child.exitCode ?? child.signalCode} before it was ready`);
  const ready_ms = performance.now() - begun;
  const token = (role) => readFileSync(join(state, "tokens", role), "utf8").trim();
  const client = makeClient(httpTransport(url), token("operator"));
  const call = async (name, input = {}, options = {}) => {
    const reply = await client.call(name, input, { timeout_ms: 300_000, ...options });
    if (!reply.ok) throw new Error(`${name}: ${JSON.stringify(reply.error)}`);
    return reply.value;
  };
  // the first query makes its user
  await call("query", { body: { surql: "SELECT VALUE id FROM active" } });
  /** Work that failed is fast, and would be taken for work that was done. */
  async function mustNotFail() {
    const failed = await call("query", { body: { surql: "SELECT VALUE id FROM run WHERE status = 'failed' LIMIT 1" } });
    if (failed.results[0].length > 0) throw new Error(`${failed.results[0][0]} failed, see ${directory}`);
  }
  return {
    url,
    state,
    workspace,
    directory,
    ready_ms,
    call,
    pid: child.pid,
    gone,
    token: token("operator"),
    submit: async (workflow, options) => (await call("submitRun", { body: { workflow, workspace } }, options)).run_id,
    /** Resolves when every record of every settled run is written. */
    async drained() {
      const active = () => call("query", { body: { surql: "SELECT VALUE id FROM active" } });
      for (let left = await active(); left.results[0].length > 0; left = await active()) await sleep(20);
    },
    mustNotFail,
    async stop() {
      try {
        await mustNotFail();
      } finally {
        child.kill("SIGTERM");
        await gone;
      }
    },
  };
}

/**
 * Starts agents of the daemon's in one process.
 * `executor`: `real`; `bundles`: starts no process, writes bundles; `none`: neither.
 * `stamps`: tells when each process was started and ended. Waits for a first claim to be parked.
 */
export async function startAgents(
  daemon,
  { slots, executor = "real", count = 1, labels = [], stamps = false, profile = null },
) {
  const { state, url, workspace, directory } = daemon;
  const options = {
    state,
    daemon: url,
    workspace,
    slots,
    executor,
    count,
    labels,
    stamps,
    log: join(directory, "agent.log"),
  };
  const child = fork(agentProgram, [JSON.stringify(options)], { execArgv: profiled(profile, "agent"), cwd: workspace });
  const gone = once(child, "exit");
  const heard = (wanted) => {
    const said = new Promise((resolve, reject) => {
      const listen = (message) => {
        if (!(wanted in message)) return;
        child.off("message", listen);
        resolve(message[wanted]);
      };
      child.on("message", listen);
      const ended = (who) => () => reject(new Error(`the ${who} ended before the agents told \`${wanted}\``));
      void gone.then(ended("agents"));
      void daemon.gone.then(ended("daemon"));
    });
    // a measurement that failed elsewhere does not wait for it
    said.catch(() => {});
    return said;
  };
  await heard("claiming");
  return {
    pid: child.pid,
    heard,
    /** Resolves with the moment at which the `count`-th report from now on was acknowledged. Call it before the work begins. */
    reported(count) {
      const reached = heard("reported_at");
      child.send({ expect: count });
      return unlessOneFails(daemon, reached);
    },
    async stop() {
      child.kill("SIGTERM");
      await gone;
    },
  };
}

/** A run of which a stage failed never comes to its last report. */
async function unlessOneFails(daemon, reached) {
  const over = reached.then(() => true);
  const pause = () => Promise.race([over, sleep(CHECK_MS, false, { ref: false })]);
  while (!(await pause())) await daemon.mustNotFail();
  return reached;
}
