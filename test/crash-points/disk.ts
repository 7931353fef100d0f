import type { Connection } from "../../packages/daemon/src/store/surreal-open.ts";
import { connect } from "../../packages/daemon/src/store/surreal-open.ts";
import { takeStore } from "../../packages/daemon/src/store/surreal-store.ts";
import { newMemoryDisk, openMemoryStore } from "../../packages/daemon/src/store/memory-store.ts";
import type { Store } from "../../packages/daemon/src/store/store.ts";

/** Goes round everything that changes the disk: there a life is counted, and ends. */
export type Write = <T>(name: string, act: () => Promise<T>) => Promise<T>;

/** What outlives a daemon. */
export interface Disk {
  open(write: Write): Promise<Store>;
  /** All records, in a form that can be compared. */
  records(): Promise<unknown>;
  /** Lets the engine work: its answers come from other threads. */
  breathe(): Promise<void>;
  close(): Promise<void>;
}

/** Points are the operations of the store port. */
export function memoryDisk(): Disk {
  const disk = newMemoryDisk();
  return {
    async open(write) {
      const store = await write("open", async () => openMemoryStore(disk));
      return Object.assign(Object.create(store) as Store, {
        commit: (commit) => write("commit", () => store.commit(commit)),
        project: (portion) => write("project", () => store.project(portion)),
        dropRecords: (run_id) => write("dropRecords", () => store.dropRecords(run_id)),
      } satisfies Partial<Store>);
    },
    async records() {
      return [...disk.records].sort(byKey).map(([run_id, { run, stages, requires, jobs, artifacts }]) => ({
        run_id,
        run,
        stages: [...stages].sort(byKey),
        requires: [...requires].sort(byKey),
        jobs: [...jobs].sort(byKey),
        artifacts: [...artifacts].sort(byKey),
      }));
    },
    breathe: async () => {},
    close: async () => {},
  };
}

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

/** Points are SurrealDB's transactions, of which one operation of the port can make several. */
export async function surrealDisk(): Promise<Disk> {
  const connection = await connect("mem://");
  const { db } = connection;
  return {
    async open(write) {
      const query = (text: string, parameters?: Record<string, unknown>): unknown =>
        isWrite(text) ? write("transaction", async () => db.query(text, parameters)) : db.query(text, parameters);
      const counted = new Proxy(db, {
        get: (target, name) => (name === "query" ? query : (Reflect.get(target, name, target) as unknown)),
      });
      return takeStore({ ...connection, db: counted } satisfies Connection);
    },
    async records() {
      const tables = ["run", "stage_run", "requires", "job", "artifact"];
      const found = await db.query<unknown[][]>(tables.map((table) => `SELECT * FROM ${table}`).join("; "));
      return found.map((rows) => rows.map((row) => JSON.stringify(row)).sort());
    },
    breathe: () => new Promise((resolve) => setTimeout(resolve, 2)),
    close: async () => {
      await db.close();
    },
  };
}

/** The store writes in blocks; all else that it says to the database reads. */
const isWrite = (text: string): boolean => text.trimStart().startsWith("{");
