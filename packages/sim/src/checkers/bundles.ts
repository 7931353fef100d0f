import { createHash } from "node:crypto";
import { bundlePath, type Manifest } from "orchestrator-core";
import type { AgentHost } from "../agent-host.ts";
import type { Machine } from "../machine.ts";
import type { World } from "../world.ts";

interface Begun {
  readonly exec_id: string;
  readonly stage_path: string;
  readonly machine: Machine;
  readonly at: number;
}

/**
 * I5: once its agent has started again, every exec that was begun has exactly one whole bundle or one marked
 * incomplete. After a power cut names that were never synced may be gone, but what stands there is whole or marked, and
 * a bundle that the daemon was told of is there.
 */
export class Bundles {
  readonly #world: World;
  readonly #begun = new Map<string, Begun>();

  constructor(world: World) {
    this.#world = world;
  }

  began(path: string, { machine }: AgentHost): void {
    const at = path.indexOf("/.tmp-");
    const exec_id = path.slice(at + "/.tmp-".length);
    this.#begun.set(exec_id, { exec_id, stage_path: path.slice(0, at), machine, at: this.#world.scheduler.now });
  }

  /** All agents have started again and said what they had to say. */
  end(): void {
    const reported = this.#reported();
    for (const begun of this.#begun.values()) this.#check(begun, reported.get(begun.exec_id) ?? null);
    for (const [exec_id, { sha256, path, machine }] of reported) {
      const text = machine?.disk.file(`${path}/manifest.json`)?.data.toString("utf8");
      if (text === undefined || hash(text) !== sha256) {
        this.#object(
          `the bundle of ${exec_id}, which the daemon was told of, ${text === undefined ? "is gone" : "differs"}`,
        );
      }
    }
  }

  #object(message: string): void {
    this.#world.violation("I5", message);
  }

  #reported(): Map<string, { readonly sha256: string; readonly path: string; readonly machine: Machine | undefined }> {
    const { law, agents } = this.#world;
    const found = new Map<string, { sha256: string; path: string; machine: Machine | undefined }>();
    for (const run of law.runs.values()) {
      for (const stage of run.stages.values()) {
        for (const { exec_id, manifest_sha256, agent_id } of stage.execs.values()) {
          if (manifest_sha256 === null) continue;
          const machine = agents.find(({ name }) => name === agent_id)?.machine;
          const path = `/state/${bundlePath(run.run_id, stage.stage_id, exec_id)}`;
          found.set(exec_id, { sha256: manifest_sha256, path, machine });
        }
      }
    }
    return found;
  }

  #check({ exec_id, stage_path, machine, at }: Begun, reported: { readonly sha256: string } | null): void {
    const { disk } = machine;
    const { tally } = this.#world;
    const published = disk.node(`${stage_path}/${exec_id}`) !== null;
    const incomplete = disk.node(`${stage_path}/${exec_id}.incomplete`) !== null;
    const fenced = disk.node(`${stage_path}/${exec_id}.fenced.json`) !== null;
    const lostPower = machine.cut_at >= at;
    if (disk.node(`${stage_path}/.tmp-${exec_id}`) !== null && !lostPower) {
      this.#object(`exec ${exec_id} still has an open bundle`);
    }
    const count = Number(published) + Number(incomplete);
    if (count > 1) this.#object(`exec ${exec_id} has a bundle and another one marked incomplete`);
    if (count === 0 && !lostPower) this.#object(`exec ${exec_id} was begun and has no bundle`);
    if (incomplete) {
      tally.incomplete_bundles++;
      const mark = disk.file(`${stage_path}/${exec_id}.incomplete/incomplete.json`)?.data.toString("utf8") ?? "";
      if (!mark.includes(exec_id) && !lostPower)
        this.#object(`the incomplete bundle of ${exec_id} is not marked as one`);
    }
    if (!published) return;
    const sha256 = this.#whole(machine, `${stage_path}/${exec_id}`, exec_id);
    if (fenced) tally.fenced_bundles++;
    if (reported?.sha256 !== sha256 && !fenced && !lostPower)
      this.#object(`the bundle of ${exec_id} changed nothing, and is not marked fenced`);
  }

  /** Its manifest's digest; every file is there with its size and hash, and no other. */
  #whole({ disk }: Machine, path: string, exec_id: string): string {
    const text = disk.file(`${path}/manifest.json`)?.data.toString("utf8") ?? "";
    let manifest: Manifest;
    try {
      manifest = JSON.parse(text) as Manifest;
    } catch {
      this.#object(`the manifest of ${exec_id} is cut off`);
      return "";
    }
    const names = disk.list(path).filter((name) => name !== "manifest.json");
    if (JSON.stringify(names) !== JSON.stringify(manifest.files.map(({ name }) => name))) {
      this.#object(`the bundle of ${exec_id} has the files ${names.join(" ")}`);
    }
    for (const { name, size, sha256 } of manifest.files) {
      const data = disk.file(`${path}/${name}`)?.data;
      if (data === undefined || data.length !== size || hash(data) !== sha256) {
        this.#object(`the file ${name} in the bundle of ${exec_id} is not what its manifest says`);
      }
    }
    if (manifest.exec_id !== exec_id) this.#object(`the bundle of ${exec_id} names ${manifest.exec_id}`);
    if (((disk.node(path)?.mode ?? 0) & 0o222) !== 0) this.#object(`the bundle of ${exec_id} can be written to`);
    return hash(text);
  }
}

const hash = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");
