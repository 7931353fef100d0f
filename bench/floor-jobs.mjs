// The floor of a job queue: what any program must do that hands jobs to another process over HTTP and has each report on
// disk before it answers. No graph, no leases, no records. `node floor-jobs.mjs FILE` prints its port.
import fs from "node:fs";
import { createServer } from "node:http";
const journal = fs.openSync(process.argv[2], "a");
const queue = [];
let parked = null;
let next = 0;
const record = (entry) => {
  fs.writeSync(journal, `${JSON.stringify(entry)}\n`);
  fs.fdatasyncSync(journal);
};
const grant = () => {
  if (parked === null || queue.length === 0) return;
  parked.response.end(JSON.stringify(queue.splice(0, parked.jobs_max)));
  parked = null;
};
const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { submit = 0, done = [], jobs_max = 0 } = JSON.parse(Buffer.concat(chunks).toString());
  if (submit + done.length > 0) record({ submit, done });
  for (let i = 0; i < submit; i++) queue.push(next++);
  if (jobs_max > 0) parked = { response, jobs_max };
  else response.end("[]");
  grant();
});
process.stdin.on("end", () => process.exit()).resume();
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
