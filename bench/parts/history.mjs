// A long history, fast: the rows of the one finished run that a store has, copied under other ids and numbers until there
// are COUNT. Made row by row as the daemon made them; no bundles. `node history.mjs DB COUNT` prints some of the run ids.
import { createHash, randomBytes } from "node:crypto";
import { makeUlid } from "orchestrator-core/packed";
import { connect } from "../../packages/daemon/dist/store/surreal-open.js";

const [directory, count] = [process.argv[2], Number(process.argv[3])];
const TABLES = ["journal", "request", "run_number", "run", "stage_run", "job", "artifact", "requires"];
const RUNS = 100;
const SAMPLES = 500;

const { db } = await connect(`rocksdb://${directory}`);
const templates = [];
for (const table of TABLES) {
  const [rows] = await db.query(`SELECT * FROM ${table}`);
  templates.push({ table, rows });
}
const [run] = templates.find(({ table }) => table === "run").rows;
const { id: run_id } = run.id;
const [{ exec_id }] = templates.find(({ table }) => table === "artifact").rows;
const RecordId = run.id.constructor;

/** A copy of a row's value, with everything that named the first run naming run `number`. */
function copy(value, names) {
  if (typeof value === "string") return value.replaceAll(run_id, names.run_id).replaceAll(exec_id, names.exec_id);
  if (Array.isArray(value)) return value.map((one) => copy(one, names));
  if (value instanceof RecordId) return new RecordId(value.table.name, copy(value.id, names));
  if (value === null || typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copy(member, names)]));
}

function rowOf(table, row, names) {
  const own = copy(row, names);
  if (table === "run") return { ...own, run_number: names.number };
  if (table === "run_number") return { ...own, id: new RecordId(table, names.number) };
  if (table === "request")
    return { ...own, id: new RecordId(table, createHash("sha256").update(names.run_id).digest("hex")) };
  if (table === "journal")
    return { ...own, events: own.events.replace('"run_number":1,', `"run_number":${names.number},`) };
  return own;
}

const made = [];
for (let number = 2; number <= count; ) {
  const batch = [];
  for (; batch.length < RUNS && number <= count; number++) {
    const wall = Date.now();
    batch.push({ number, run_id: makeUlid(wall, randomBytes(10)), exec_id: makeUlid(wall, randomBytes(10)) });
  }
  const parameters = { highest: batch.at(-1).number };
  const statements = templates
    .filter(({ rows }) => rows.length > 0)
    .map(({ table, rows }) => {
      parameters[table] = batch.flatMap((names) => rows.map((row) => rowOf(table, row, names)));
      return `INSERT ${table === "requires" ? "RELATION " : ""}INTO ${table} $${table} RETURN NONE`;
    });
  await db.query(`{ ${statements.join("; ")}; UPDATE owner:daemon SET run_number = $highest RETURN NONE }`, parameters);
  made.push(...batch.map((names) => names.run_id));
}
const step = Math.max(1, Math.floor(made.length / SAMPLES));
console.log(JSON.stringify(made.filter((_, i) => i % step === 0)));
await db.close();
process.exit(0);
