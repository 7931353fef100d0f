import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundlePath, type Manifest } from "orchestrator-core";
import { onTestFinished } from "vitest";
import {
  type Agent,
  type AgentOptions,
  optionDefaults,
  type Ports,
  realPorts,
  realProcesses,
  startAgent,
} from "../src/index.ts";
import { removeTree } from "../../../test/remove-tree.ts";
import { scriptDaemon, type ScriptedDaemon } from "./scripted-daemon.ts";

export interface Place {
  readonly state: string;
  readonly workspace: string;
}

export function makePlace(): Place {
  const top = realpathSync(mkdtempSync(join(tmpdir(), "agent-test-")));
  onTestFinished(() => removeTree(top));
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
  /** Null: without one. Default: with one, where it is built. */
  readonly keeper?: null;
  readonly ports?: (real: Ports) => Partial<Ports>;
}

/** An agent on the real file system with real processes, and a scripted daemon. It is ended with the test. */
export function stage(given: SceneOptions = {}): Scene {
  const place = given.place ?? makePlace();
  const daemon = given.daemon ?? scriptDaemon(place.workspace, given.lease_ms);
  const log: string[] = [];
  const real: Ports = {
    ...realPorts((line) => log.push(line), given.keeper === undefined ? {} : { keeper: given.keeper }),
    connect: () => daemon.transport,
  };
  const agent = startAgent(
    {
      ...optionDefaults,
      state: place.state,
      secrets: join(place.state, "secrets"),
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

/** Where the bundle of an exec lies, and what is in it. */
export function readBundle(state: string, manifest: Pick<Manifest, "run_id" | "stage_id" | "exec_id">): ReadBundle {
  const path = join(state, bundlePath(manifest.run_id, manifest.stage_id, manifest.exec_id));
  const read = (name: string): string => readFileSync(join(path, name), "utf8");
  return { path, read, manifest: () => JSON.parse(read("manifest.json")) as Manifest };
}

export interface ReadBundle {
  readonly path: string;
  readonly read: (name: string) => string;
  readonly manifest: () => Manifest;
}

/** The execs that an agent has on record as held. */
export function heldBy(state: string, agent_id: string): string[] {
  const directory = join(state, "agents", agent_id, "held");
  return existsSync(directory) ? readdirSync(directory).map((name) => name.replace(".ndjson", "")) : [];
}

/** Live processes that the exec left, wherever they are. */
export const processesOf = (exec_id: string): number[] =>
  realProcesses()
    .find({ pgids: [], mark: `ORCHESTRATOR_EXEC_ID=${exec_id}` })
    .map(({ pid }) => pid);
