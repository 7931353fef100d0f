import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Agent, type AgentOptions, optionDefaults, type Ports, realPorts, startAgent } from "../src/index.ts";
import { scriptDaemon, type ScriptedDaemon } from "./scripted-daemon.ts";

export interface Place {
  readonly state: string;
  readonly workspace: string;
}

export function makePlace(): Place {
  const top = realpathSync(mkdtempSync(join(tmpdir(), "agent-test-")));
  const place = { state: join(top, "state"), workspace: join(top, "workspace") };
  mkdirSync(join(place.state, "tokens"), { recursive: true, mode: 0o700 });
  mkdirSync(place.workspace);
  writeFileSync(join(place.state, "tokens", "agent"), "secret-of-the-agent\n", { mode: 0o600 });
  return place;
}

export interface Scene extends Place {
  readonly daemon: ScriptedDaemon;
  readonly agent: Agent;
  readonly log: readonly string[];
}

export interface SceneOptions {
  readonly place?: Place;
  readonly daemon?: ScriptedDaemon;
  readonly lease_ms?: number;
  readonly options?: Partial<AgentOptions>;
  readonly ports?: (real: Ports) => Partial<Ports>;
}

/** An agent on the real file system with real processes, and a scripted daemon. It is ended with the test. */
export function stage(given: SceneOptions = {}): Scene {
  const place = given.place ?? makePlace();
  const daemon = given.daemon ?? scriptDaemon(place.workspace, given.lease_ms);
  const log: string[] = [];
  const real: Ports = { ...realPorts((line) => log.push(line)), connect: () => daemon.transport };
  const agent = startAgent(
    {
      ...optionDefaults,
      state: place.state,
      daemon: "http://scripted.invalid",
      slots: 2,
      workspace_roots: [place.workspace],
      environment: { PATH: process.env.PATH, HOME: place.workspace, SECRET_OF_THE_AGENT: "x" },
      grace_ms: 200,
      ...given.options,
    },
    { ...real, ...given.ports?.(real) },
  );
  onTestFinished(async () => {
    agent.stop();
    agent.stop();
    await agent.ended;
  });
  return { ...place, daemon, agent, log };
}
