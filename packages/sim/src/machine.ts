import { WallClock } from "./clocks.ts";
import { Disk } from "./disk.ts";
import { type OsProcess, ProcessTable } from "./processes.ts";
import { Scope } from "./scheduler.ts";
import type { World } from "./world.ts";

/** One simulated machine: a disk, a wall clock, and the processes of its present boot. */
export class Machine {
  readonly name: string;
  readonly disk = new Disk();
  readonly wall: WallClock;
  table: ProcessTable;
  /** When its power was cut last. */
  cut_at = Number.NEGATIVE_INFINITY;
  #boots = 0;
  readonly #world: World;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.wall = new WallClock(world.scheduler);
    for (const path of ["/usr", "/usr/bin", "/bin", "/state", "/state/tokens", "/state/runs", "/state/agents"]) {
      this.disk.addDirectory(path, 0o700);
    }
    for (const path of ["/usr/bin/job", "/bin/sh"]) {
      this.disk.append(this.disk.addFile(path, 0o755), Buffer.from(`\x7fELF ${path}`));
    }
    this.disk.append(this.disk.addFile("/state/tokens/agent", 0o600), Buffer.from("agent\n"));
    for (const { node } of this.disk.files("")) this.disk.syncFile(node);
    const sync = (path: string): void => {
      const node = this.disk.directory(path);
      this.disk.syncDirectory(node);
      for (const [name, child] of node.entries) if (child.kind === "directory") sync(`${path}/${name}`);
    };
    sync("");
    this.table = this.#boot();
  }

  #boot(): ProcessTable {
    const boot = `${this.name}-boot-${++this.#boots}`;
    const scope = new Scope(boot);
    const { scheduler, dice, commands } = this.#world;
    return new ProcessTable(
      { name: this.name, boot, scope, disk: this.disk },
      scheduler,
      dice.fork(`processes ${boot}`),
      commands,
    );
  }

  /** Everything on it ends; what was not synced may be gone. */
  powerCut(): void {
    const before = this.disk.lost;
    this.table.scope.alive = false;
    this.table.powerOff();
    this.disk.crash(this.#world.dice.fork(`disk ${this.table.boot}`));
    this.#world.tally.lost_writes += this.disk.lost > before ? 1 : 0;
    this.cut_at = this.#world.scheduler.now;
    this.table = this.#boot();
  }

  /** Writes a file as a process of ours would, whole and synced. */
  put(path: string, text: string): void {
    const node = this.disk.file(path) ?? this.disk.addFile(path, 0o600);
    this.disk.truncate(node);
    this.disk.append(node, Buffer.from(text));
  }

  processesOf(exec_id: string): OsProcess[] {
    return [...this.table.living.values()].filter((process) => process.exec?.exec_id === exec_id);
  }
}
