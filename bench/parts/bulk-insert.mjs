// The store's own bulk insert: the records of one run, read from a store that nobody has open, and written into a new
// one as fast as it takes them, 1,000 rows a statement. `node bulk-insert.mjs FROM TO RUN_ID` prints the milliseconds
// that the writing took, and the number of rows.
import { connect } from "../../packages/daemon/dist/store/surreal-open.js";
import { migrate } from "../../packages/daemon/dist/store/surreal-schema.js";

const [from_directory, to_directory, run_id] = process.argv.slice(2);
const ROWS = 1_000;
const PAGE = 5_000;

const { db: from } = await connect(`rocksdb://${from_directory}`);
const { db: to } = await connect(`rocksdb://${to_directory}`);
await migrate(to);

let ms = 0;
let count = 0;
for (const table of ["run", "stage_run", "job", "artifact", "requires"]) {
  const insert = `INSERT ${table === "requires" ? "RELATION " : ""}INTO ${table} $rows RETURN NONE`;
  for (let start = 0; ; start += PAGE) {
    const [page] = await from.query(`SELECT * FROM ${table} START ${start} LIMIT ${PAGE}`);
    if (page.length === 0) break;
    const rows = page.filter(({ id: { id } }) => id === run_id || id[0] === run_id);
    for (let i = 0; i < rows.length; i += ROWS) {
      const some = rows.slice(i, i + ROWS);
      const begun = performance.now();
      await to.query(insert, { rows: some });
      ms += performance.now() - begun;
      count += some.length;
    }
  }
}
console.log(JSON.stringify({ ms, rows: count }));
process.exit(0);
