// pg-boss on a PostgreSQL of its own. Jobs are inserted in bulk, fetched and completed by as many as there are slots.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { load, versionOf } from "../parts/npm-peer.mjs";

export const name = "pg-boss";

const DEBIAN = "/usr/lib/postgresql";

/** Where initdb and postgres are: Debian keeps them out of PATH. */
function programs() {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const places = versions.map((one) => join(DEBIAN, one, "bin")).concat(process.env.PATH.split(":"));
  const found = places.find((place) => existsSync(join(place, "initdb")) && existsSync(join(place, "postgres")));
  if (found === undefined) throw new Error("no postgresql on this machine");
  return found;
}

/** PostgreSQL refuses to run as root: then it runs as the user that its package made. */
function userOf() {
  if (process.getuid() !== 0) return {};
  const [uid, gid] = ["-u", "-g"].map((flag) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" })));
  return { uid, gid };
}

export async function findPeer(peers_dir) {
  const version = versionOf(peers_dir, "pg-boss");
  const bin = programs();
  const user = userOf();
  const module = await load(peers_dir, "pg-boss");
  const PgBoss = module.PgBoss ?? module.default;
  const postgres = execFileSync(join(bin, "postgres"), ["--version"], { encoding: "utf8" }).trim();

  async function withBoss(use) {
    // beside the others, which that user may not enter
    const directory = mkdtempSync(join(tmpdir(), "orchestrator-bench-pg-"));
    if (user.uid !== undefined) chownSync(directory, user.uid, user.gid);
    const data = join(directory, "data");
    const spawned = { cwd: directory, stdio: "ignore", ...user };
    execFileSync(join(bin, "initdb"), ["-D", data, "-A", "trust", "-U", "bench"], spawned);
    const server = spawn(join(bin, "postgres"), ["-D", data, "-k", directory, "-c", "listen_addresses="], spawned);
    const ended = once(server, "exit");
    process.on("exit", () => {
      server.kill("SIGQUIT");
      rmSync(directory, { recursive: true, force: true });
    });
    while (!existsSync(join(directory, ".s.PGSQL.5432"))) await sleep(10);
    await sleep(200);
    const boss = new PgBoss({
      host: directory,
      user: "bench",
      database: "postgres",
      supervise: false,
      schedule: false,
    });
    boss.on("error", () => {});
    try {
      await boss.start();
      await boss.createQueue("bench");
      return await use(boss);
    } finally {
      await Promise.allSettled([boss.stop({ graceful: false })]);
      server.kill("SIGINT");
      await ended;
    }
  }

  return {
    version: `${version}, ${postgres}`,
    kind: "jobs",
    jobs: (_directory, count, slots) =>
      withBoss(async (boss) => {
        const jobs = Array.from({ length: count }, (_, i) => ({ name: "bench", data: { i } }));
        const begun = performance.now();
        await boss.insert("bench", jobs);
        for (let left = count; left > 0; ) {
          const fetched = await boss.fetch("bench", { batchSize: slots });
          await boss.complete(
            "bench",
            fetched.map(({ id }) => id),
          );
          left -= fetched.length;
        }
        return performance.now() - begun;
      }),
  };
}
